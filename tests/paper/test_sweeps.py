"""The curve of a sweep: its points, its best depth, what is missing."""

import pytest
from planted import Planted, planted_params, with_sweep

from replication.paper.cells import read_grid, read_sweep
from replication.paper.evidence import Evidence
from replication.paper.sweeps import sweep_curves
from replication.paper.values import PaperCell, Value


@pytest.fixture
def params(tmp_path, monkeypatch):
    params = planted_params(tmp_path, monkeypatch, ["bert-base"], ["nrms", "lstur"])
    return with_sweep(params, (0, 2, 12))


def truth(cell, clicks):
    return 0.7 - 0.02 * abs((cell.layers or 0) - {"nrms": 2, "lstur": 12}[cell.recommender])


def test_the_curve_goes_through_the_planted_points(params):
    curves = sweep_curves(Planted(params).evidence(truth), {})
    assert [curve["recommender"] for curve in curves] == ["nrms", "lstur"]  # as in the grid
    nrms, lstur = curves
    assert [point["layers"] for point in nrms["curve"]] == [0, 2, 4, 12]
    aucs = [point["ours"] for point in nrms["curve"]]
    assert aucs == pytest.approx([0.66, 0.7, 0.66, 0.5], abs=0.025)
    assert all(p["ci95"][0] < p["ours"] < p["ci95"][1] for p in nrms["curve"])
    assert (nrms["best"]["found"], lstur["best"]["found"]) == (2, 12)
    assert lstur["best"]["ci95"] == [12, 12] and lstur["best"]["candidates"] == [12]
    assert (nrms["encoder"], nrms["model"], nrms["protocol"]) == (
        "my-bert-base", "bert-base", "clean",
    )  # fmt: skip


def test_a_depth_beside_the_papers_value(params):
    values = {PaperCell("nrms", "bert-base", "finetuned", 2, None, "auc"): Value(0.75, "Fig. 2")}
    points = sweep_curves(Planted(params).evidence(truth), values)[0]["curve"]
    assert [point["verdict"] for point in points] == [
        "no paper value", "worse", "no paper value", "no paper value",
    ]  # fmt: skip
    assert (points[1]["paper"], points[1]["source"]) == (0.75, "Fig. 2")


def test_missing_depths_are_null_and_leave_the_best_open(params):
    planted = Planted(params, impressions=50)
    own = read_grid(params)
    for cell in (*own, *[c for c in read_sweep(params) if c.layers == 2 and c.seed == 1]):
        planted.write_cell(cell, planted.run(0.6))
    nrms = sweep_curves(Evidence(params, read_grid(params), read_sweep(params)), {})[0]
    assert [point["verdict"] for point in nrms["curve"]] == [
        "not run", "partial 1/2", "no paper value", "not run",
    ]  # fmt: skip
    assert nrms["curve"][0]["ours"] is None and nrms["curve"][0]["runs"] == [0, 2]
    assert nrms["best"] is None
