"""The chart of the page Results and its references."""

import json

import pytest
from compared import compared

from replication.browser.charts.results import points_of, results_chart
from replication.browser.content.results_table import (
    kept,
    references,
    references_text,
    rows_of,
)
from replication.browser.reading.study import read_study
from replication.evaluation.metrics import METRICS
from replication.report.figures.theme import LIGHT
from replication.report.tables import Number


@pytest.mark.parametrize("metric", METRICS)
def test_references_are_those_of_the_file(inside, metric):
    folder = inside("full")
    found = json.loads((folder / "reports/baselines.json").read_text())
    expected = {
        name: Number(found[name][metric], tuple(found[name]["ci95"][metric]))
        for name in ("random", "popularity", "ceiling")
    }
    assert references(read_study(), metric) == expected
    assert f"ceiling {found['ceiling'][metric]:.4f}" in references_text(read_study(), metric)


def test_references_that_are_not_there_are_told(inside, own_tree):
    inside("one_run")
    assert references(read_study(), "auc") == {}
    assert "`dvc repro baselines`" in references_text(read_study(), "auc")
    path = own_tree("full") / "reports/baselines.json"
    value = json.loads(path.read_text()) | {"ceiling": None, "reason": "no truth is known"}
    popularity = value["popularity"]["auc"]
    path.write_text(json.dumps(value))
    text = references_text(read_study(), "auc")
    assert (
        "There is no ceiling: no truth is known." in text and f"popularity {popularity:.4f}" in text
    )
    assert "stale" in text
    path.write_text("{")
    assert "baselines.json: not valid JSON" in references_text(read_study(), "auc")


def drawn(rows, lines) -> dict:
    """The chart of the grid's AUC as Vega-Lite."""
    models = list(
        dict.fromkeys((row.experiment.recommender, row.experiment.encoder) for row in rows)
    )
    return results_chart(points_of(rows), models, lines, "AUC", LIGHT).to_dict()


def test_the_chart_draws_the_grid_s_figures_and_leaves_gaps(inside):
    folder = inside("truncated")
    rows = [row for row in rows_of(read_study(), "auc") if not row.swept]
    spec = drawn(kept(rows, {"protocol": ["clean"]}), {"ceiling": 0.8})
    dots = spec["layer"][-1]
    found = {
        (row["encoder"], row["tuning"]): (row["value"], row["low"], row["high"])
        for row in spec["datasets"][dots.get("data", spec.get("data"))["name"]]
    }
    encoders = ("static", "minilm", "minilm-l3", "smollm2")
    names = [f"{r} {e}" for r in ("naml", "nrms", "lstur") for e in encoders]
    cells = {(name, tuning) for name in names for tuning in ("frozen", "finetuned")}
    assert {*found} == cells - {("nrms minilm", "finetuned")}  # the damaged one
    name = "lstur-static-frozen-clean-s1"
    run = json.loads((folder / f"reports/runs/{name}/metrics.json").read_text())
    expected = pytest.approx((run["auc"], *compared(folder, "auc")[name]))
    assert found["lstur static", "frozen"] == expected
    rows = dots["encoding"]["y"]["scale"]["domain"]  # a heading, and the recommender's encoders
    assert rows[:6] == ["naml ", *names[:4], "nrms "]
    low, high = dots["encoding"]["x"]["scale"]["domain"]  # holds everything
    assert low < min(v[1] for v in found.values()) and high > 0.8


def test_a_mean_without_an_interval_is_drawn_as_a_point(own_tree):
    folder = own_tree("partial")
    first = folder / "reports/runs/nrms-static-frozen-clean-s1"
    second = first.with_name("nrms-static-frozen-clean-s2")
    second.mkdir()
    value = json.loads((first / "metrics.json").read_text())
    (second / "metrics.json").write_text(json.dumps(value | {"auc": value["auc"] + 0.02}))
    point = next(
        p
        for p in points_of(rows_of(read_study(), "auc"))
        if (p["recommender"], p["encoder"], p["tuning"]) == ("nrms", "static", "frozen")
    )
    assert point["value"] == pytest.approx(value["auc"] + 0.01)
    assert (point["low"], point["high"]) == (None, None)


def test_nothing_is_drawn_of_nothing(inside):
    inside("empty")
    assert points_of(rows_of(read_study(), "auc")) == []
