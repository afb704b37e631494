"""Ours beside the paper's, cell by cell: a verdict only where there is a value."""

import numpy as np
import pytest
from planted import Planted, planted_params

from replication.paper.cells import METRICS, read_grid
from replication.paper.evidence import Evidence
from replication.paper.main_table import TOLERANCE, main_table
from replication.paper.values import PaperCell, Value


@pytest.fixture
def params(tmp_path, monkeypatch):
    return planted_params(tmp_path, monkeypatch, ["glove", "bert-base"], ["nrms"])


def row_of(rows, encoder, tuning):
    [row] = [row for row in rows if (row["encoder"], row["tuning"]) == (encoder, tuning)]
    return row


def test_without_paper_values_there_are_no_verdicts(params):
    Planted(params, impressions=60).write(lambda cell, clicks: 0.6)
    rows = main_table(Evidence(params, read_grid(params)), {})
    assert len(rows) == 4
    for row in rows:
        for entry in (*row["metrics"].values(), *row["groups"]):
            assert entry["verdict"] == "no paper value"
            assert entry["paper"] is entry["difference"] is entry["source"] is None
        low, high = row["metrics"]["auc"]["ci95"]
        assert low < row["metrics"]["auc"]["ours"] < high
    assert (rows[0]["model"], rows[0]["runs"]) == ("glove", [2, 2])


def test_each_metric_and_group_against_its_own_value(params):
    planted = Planted(params, impressions=60)
    planted.write(lambda cell, clicks: 0.6)
    evidence = Evidence(params, read_grid(params))
    place = evidence.find("nrms", "bert-base", "finetuned", "clean")
    off = {"auc": 0.5, "mrr": -1.2, "ndcg@5": 1.6, "ndcg@10": -1.6}  # tolerances below ours
    values = {
        PaperCell("nrms", "bert-base", "finetuned", None, None, metric): Value(
            evidence.mean(place, metric) - by * TOLERANCE, "Table 2"
        )
        for metric, by in off.items()
    }
    of_group = evidence.mean(place, "auc", 3)
    values[PaperCell("nrms", "bert-base", "finetuned", None, 3, "auc")] = Value(of_group, "Fig. 3")
    row = row_of(main_table(evidence, values), "my-bert-base", "finetuned")
    assert [row["metrics"][metric]["verdict"] for metric in METRICS] == [
        "within", "near", "better", "worse",
    ]  # fmt: skip
    for metric, by in off.items():
        assert row["metrics"][metric]["difference"] == pytest.approx(by * TOLERANCE)
    assert row["metrics"]["auc"]["source"] == "Table 2"
    assert [group["verdict"] for group in row["groups"]] == [
        "within" if group == 3 else "no paper value" for group in range(1, 6)
    ]
    other = row_of(main_table(evidence, values), "my-bert-base", "frozen")
    assert other["metrics"]["auc"]["verdict"] == "no paper value"


def test_what_was_not_run_has_no_number(params):
    planted = Planted(params, impressions=60)
    cells = read_grid(params)
    planted.write_cell(cells[0], planted.run(0.6))
    first, *others = main_table(Evidence(params, read_grid(params)), {})
    auc = first["metrics"]["auc"]
    assert (first["runs"], auc["verdict"]) == ([1, 2], "partial 1/2")
    assert auc["ours"] is not None
    for row in others:
        assert row["runs"] == [0, 2] and len(row["commands"]) == 2
        for entry in row["metrics"].values():
            assert entry["verdict"] == "not run"
            assert entry["ours"] is entry["ci95"] is entry["difference"] is None


def test_an_undefined_metric_stays_null(params):
    planted = Planted(params, impressions=60)
    for cell in read_grid(params):
        metrics = planted.run(0.6)
        metrics["mrr"][:] = np.nan
        planted.write_cell(cell, metrics)
    values = {PaperCell("nrms", "glove", "frozen", None, None, "mrr"): Value(0.3, "Table 2")}
    row = main_table(Evidence(params, read_grid(params)), values)[0]
    assert row["metrics"]["mrr"] == {
        "ours": None, "ci95": None, "paper": 0.3, "source": "Table 2", "difference": None,
        "verdict": "not testable",
    }  # fmt: skip
