"""The page Layer sweep: its numbers against the files that they come from."""

import json
import shutil
from dataclasses import replace

import pytest
import quick_yaml
from streamlit.testing.v1 import AppTest
from trees import ROOT

from replication.browser.content.gaps import gaps, missing_command
from replication.browser.content.sweeps import (
    Best,
    answer,
    curves_of,
    paper_text,
    points_table,
    stale_text,
)
from replication.browser.reading.runs import State
from replication.browser.reading.study import read_study
from replication.report.figures.sweep import segments

PAGE = """
from replication.browser.frame import framed
framed("layers")
"""
PARAMS = quick_yaml.load((ROOT / "params.yaml").read_text(encoding="utf-8"))
DEEPEST = PARAMS["encoders"]["minilm"]["layers"]
BERT = {
    "kind": "depth", "recommender": "naml", "model": "bert-base", "value": 10,
    "sweep": [0, 2, 4, 6, 8, 10, 12], "verdicts": {},
}  # fmt: skip
OURS = {
    "kind": "depth", "recommender": "naml", "model": "bert-base", "value": 2,
    "sweep": [0, 2, 4, 6], "verdicts": {"clean": {"verdict": "worse"}},
}  # fmt: skip


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def folder_of(root, recommender, layers):
    if layers == 2:  # the grid's own depth
        return root / f"reports/runs/{recommender}-minilm-finetuned-clean-s1"
    return root / f"reports/runs/{recommender}-minilm-finetuned-k{layers}-clean-s1"


def shown() -> AppTest:
    page = AppTest.from_string(PAGE, default_timeout=60).run()
    assert not page.exception
    return page


def words(page: AppTest) -> str:
    kinds = (page.markdown, page.info, page.warning, page.error, page.caption, page.code)
    return "\n".join(e.value for kind in kinds for e in kind).replace("\\", "")


@pytest.mark.parametrize("metric", ["auc", "mrr"])
def test_points_are_the_runs_own(inside, metric):
    root, study = inside("full"), read_study()
    table = points_table(study, curves_of(study, metric, []), metric)
    assert [(row[0], row[1]) for row in table.rows] == [
        (r, str(n)) for r in ("naml", "nrms", "lstur") for n in (0, 2, 4, 6)
    ]
    pooled = {
        (curve["recommender"], point["layers"]): point["ci95"]
        for curve in read(root / "reports/comparison.json")["sweep"]
        for point in curve["curve"]
    }
    for recommender, layers, _, _, number, *_ in table.rows:
        found = read(folder_of(root, recommender, int(layers)) / "metrics.json")
        assert number.value == found[metric]
        # As `compare` found it, which looks at the depths by AUC alone; else the run's own.
        ends = pooled[recommender, int(layers)] if metric == "auc" else found["ci95"][metric]
        assert list(number.interval) == pytest.approx(ends)
    assert ("best in" in table.header) == (metric == "auc")
    assert table.rows[0][-1] == "dvc repro sweep@naml-minilm-finetuned-k0-clean-s1"
    assert table.rows[1][-1] == "dvc repro grid@naml-minilm-finetuned-clean-s1"


def told_of(best):
    """What may be said of a best depth: that it is one, only where no other is left."""
    low, high = best["ci95"]
    if low == high:
        return f"is best with {best['found']} of {DEEPEST} layers (in "
    return f"has no best depth that is shown: {low} to {high} of {DEEPEST} layers are not ruled out"


@pytest.mark.parametrize("ends", [(2, 2), (0, DEEPEST)])
def test_a_depth_is_called_best_only_where_no_other_is_left(inside, ends):
    inside("full")
    curve = curves_of(read_study(), "auc", [])[0]
    best = replace(curve.best, found=2, ends=ends)
    text = answer([replace(curve, best=best)])
    assert f"NAML {told_of({'found': 2, 'ci95': ends})}" in text
    assert ("is best" in text) == (ends == (2, 2))


def test_the_best_depth_is_the_comparison_s(inside):
    root, study = inside("full"), read_study()
    curves = curves_of(study, "mrr", [])  # by AUC, whatever is drawn
    text = answer(curves)
    for curve, found in zip(curves, read(root / "reports/comparison.json")["sweep"], strict=True):
        best, depths = found["best"], [point["layers"] for point in found["curve"]]
        assert (curve.best.found, list(curve.best.ends)) == (best["found"], best["ci95"])
        assert curve.best.shares == dict(zip(depths, best["shares"], strict=True))
        share = best["shares"][depths.index(best["found"])]
        assert f"({best['found']} is highest in {100 * share:.1f} % of resamples)" in text
        assert f"{curve.name} {told_of(best)}" in text
    assert stale_text(curves) is None


def test_a_missing_depth_is_a_gap_with_its_command(own_tree):
    shutil.rmtree(own_tree("full") / "reports/runs/nrms-minilm-finetuned-k4-clean-s1")
    study = read_study()
    naml, nrms, _ = curves = curves_of(study, "auc", [])
    assert [(p["layers"], p["segment"]) for p in segments(nrms.drawn["curve"])] == [
        (0, 0), (2, 0), (6, 1),
    ]  # fmt: skip
    assert isinstance(naml.best, Best)
    assert "NRMS: 3 of 4 depths complete" in answer(curves)
    assert "NRMS is best" not in answer(curves) and "NRMS has no" not in answer(curves)
    row = next(r for r in points_table(study, curves, "auc").rows if r[:2] == ["nrms", "4"])
    assert [str(field) for field in row[2:6]] == ["0/1", "○ not run", "not run", "unknown"]
    assert missing_command(nrms.experiments) == "dvc repro sweep@nrms-minilm-finetuned-k4-clean-s1"
    assert missing_command(naml.experiments) is None
    text = words(shown())
    assert "○ not run: NRMS 4" in text
    assert "dvc repro sweep@nrms-minilm-finetuned-k4-clean-s1" in text


def test_a_best_depth_of_other_runs_is_not_told(own_tree):
    path = own_tree("full") / "reports/runs/naml-minilm-finetuned-k6-clean-s1/metrics.json"
    path.write_text(json.dumps(read(path) | {"auc": 0.5}), encoding="utf-8")
    curves = curves_of(read_study(), "auc", [])
    assert "have not been compared: run `dvc repro compare report`" in curves[0].best
    assert curves[0].figures[3].ours == 0.5
    assert "NAML is best" not in answer(curves) and "NAML has no" not in answer(curves)


def test_figures_of_several_seeds_have_no_interval_where_none_was_found(own_tree):
    root = own_tree("partial")  # three seeds are wanted
    first = root / "reports/runs/naml-minilm-finetuned-k0-clean-s1"
    shutil.copytree(first, first.with_name("naml-minilm-finetuned-k0-clean-s2"))
    path = first.with_name("naml-minilm-finetuned-k0-clean-s2") / "metrics.json"
    path.write_text(json.dumps(read(path) | {"mrr": 0.5}), encoding="utf-8")
    curve = curves_of(read_study(), "mrr", [])[0]
    point = segments(curve.drawn["curve"])[0]
    assert point["value"] == pytest.approx((read(first / "metrics.json")["mrr"] + 0.5) / 2)
    assert (point["low"], point["high"], point["runs"]) == (None, None, "2 of 3")


def test_the_paper_s_depth_is_marked_for_its_own_model_alone(inside):
    inside("full")
    study = read_study()
    curves = curves_of(study, "auc", [BERT, OURS])
    assert [curve.drawn["paper"] for curve in curves] == [2, None, None]
    assert "about 2 for NAML (≠ differs (lower))" in paper_text(curves, [BERT, OURS], None)
    others = curves_of(study, "auc", [BERT])
    assert [curve.drawn["paper"] for curve in others] == [None] * 3
    text = paper_text(others, [BERT], "demo")
    assert "about BERT-base with 0 to 12 layers: best with about 10 for NAML." in text
    assert text.endswith("MiniLM, which stands for BERT-base, so these depths are not marked.")


def test_gaps_are_told_by_state():
    states = [
        ("NAML", "0", State("not run", "run `a`")),
        ("NAML", "1", State("ready")),
        ("NAML", "2", State("not run", "run `b`")),
        ("NRMS", "0", State("unreadable", "x.json: not JSON")),
        ("NRMS", "1", State("not run", "run `c`")),
        ("NRMS", "2", State("partial 1/3", "run `d`")),
    ]
    assert gaps(states) == [
        "○ not run: NAML 0, 2; NRMS 1",
        "! unreadable (x.json: not JSON): NRMS 0",
        "◐ partial 1/3: NRMS 2",
    ]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("full", "NAML {}"),
        ("empty", "Nothing of the sweep has been run yet."),
        ("one_run", "All that has not been run:"),
        ("partial", "◐ partial 1/3: NAML 0, 2, 4, 6; NRMS 0"),
        ("stale", "↺ stale: the best depths were found before; replication/paper has changed"),
        ("damaged_comparison", "LSTUR: reports/comparison.json: not valid JSON"),
        ("bad_params", "params.yaml: unknown key no_such_key"),
        ("hostile", "NAML {}"),
    ],
)
def test_the_page_says_what_there_is(inside, state, expected):
    folder = inside(state)
    text = words(shown())
    if "{}" in expected:  # as `compare` found it
        curves = read(folder / "reports/comparison.json")["sweep"]
        expected = expected.format(
            next(told_of(c["best"]) for c in curves if c["recommender"] == "naml")
        )
    assert expected in text
    assert not {"None", "nan"} & set(text.split())


def test_a_link_sets_the_metric(inside):
    inside("full")
    page = AppTest.from_string(PAGE, default_timeout=60)
    page.query_params["metric"] = "mrr"
    page.run()
    assert not page.exception
    assert "MRR" in page.dataframe[0].value.columns
    assert "The best depth is judged by AUC alone." in words(page)
