"""The figures of an experiment, beside sums by hand."""

from pathlib import Path
from statistics import fmean

import pytest

from replication.browser.reading.experiments import Experiment, group_runs
from replication.browser.reading.runs import KINDS, made_run
from replication.files.readable import File
from replication.paper.cells import Cell
from replication.paper.main_table import TOLERANCE
from replication.paper.values import PaperCell, Value

PAPER = PaperCell("nrms", "bert-base", "frozen", None, None, "auc")
GROUP = PaperCell("nrms", "bert-base", "frozen", None, 2, "auc")


def metrics(auc: float | None, low: float = 0.5, high: float = 0.7) -> dict:
    return {"auc": auc, "mrr": 0.3, "ci95": {"auc": (low, high), "mrr": None}}


def run(seed: int, auc: float | str | None = "none", groups=None, problem=None, **state):
    files = {name: File(Path(f"reports/runs/s{seed}/{name}.json")) for name in KINDS}
    if problem:
        files["metrics"] = File(files["metrics"].path, problem=problem)
    elif auc != "none":
        files["metrics"] = File(files["metrics"].path, metrics(auc))
    if groups:
        rows = [{"group": g, "auc": v, "ci95": {"auc": (v, v)}} for g, v in groups.items()]
        files["cold_start"] = File(files["cold_start"].path, {"groups": rows})
    command = f"dvc repro grid@nrms-minilm-frozen-clean-s{seed}"
    experiment = ("nrms", "minilm", "frozen", "clean", seed, None)
    return made_run(Cell(*experiment, f"runs/s{seed}", command), files, **state)


def experiment(*runs, paper=None, group=None, compared=None) -> Experiment:
    known = {} if paper is None else {PAPER: Value(paper, "Table 2")}
    if group is not None:
        known[GROUP] = Value(group, "Figure 3")
    return Experiment(
        "nrms", "minilm", "frozen", "clean", None, "bert-base", runs, compared or {}, known
    )


def test_the_mean_over_seeds_beside_the_paper_s():
    figure = experiment(run(1, 0.60), run(2, 0.61), run(3, 0.65), paper=0.625).figure("auc")
    assert figure.ours == pytest.approx(fmean([0.60, 0.61, 0.65]))
    assert figure.difference == pytest.approx(-0.005)
    assert (figure.paper, figure.source, figure.verdict) == (0.625, "Table 2", "within")
    assert figure.reason is None


@pytest.mark.parametrize(
    ("difference", "word"),
    [(0.9, "within"), (-0.9, "within"), (1.4, "near"), (-1.4, "near"), (1.6, "better"),
     (-1.6, "worse")],
)  # fmt: skip
def test_the_verdict_is_by_tolerance(difference, word):
    figure = experiment(run(1, 0.6 + difference * TOLERANCE), paper=0.6).figure("auc")
    assert figure.verdict == word


def test_of_one_run_the_interval_is_its_own():
    assert experiment(run(1, 0.6)).figure("auc").ci95 == (0.5, 0.7)


def test_the_interval_of_compare_counts_only_for_the_same_runs():
    pooled = {("auc", None): {"ours": 0.605, "ci95": (0.59, 0.62)}}
    runs = run(1, 0.60), run(2, 0.61)
    assert experiment(*runs, compared=pooled).figure("auc").ci95 == (0.59, 0.62)
    assert experiment(*runs, run(3, 0.7), compared=pooled).figure("auc").ci95 is None
    assert experiment(run(1, 0.60), compared=pooled).figure("auc").ci95 == (0.5, 0.7)


def test_without_runs_there_is_no_figure():
    figure = experiment(run(1), run(2), paper=0.6).figure("auc")
    assert (figure.ours, figure.ci95, figure.difference) == (None, None, None)
    assert figure.paper == 0.6
    assert figure.verdict == "not run"
    assert "dvc repro grid@nrms-minilm-frozen-clean-s1" in figure.reason


def test_some_seeds_make_a_partial_figure():
    figure = experiment(run(1, 0.60), run(2), run(3), paper=0.6).figure("auc")
    assert (figure.verdict, figure.ours) == ("partial 1/3", 0.60)
    assert "clean-s2" in figure.reason
    assert not experiment(run(1, 0.6), run(2)).complete
    assert experiment(run(1, 0.6), run(2, 0.6)).complete


def test_a_metric_that_is_not_defined_is_no_number():
    figure = experiment(run(1, None), run(2, 0.6), paper=0.6).figure("auc")
    assert (figure.ours, figure.difference, figure.verdict) == (None, None, "not testable")


def test_without_the_paper_s_value_there_is_no_verdict():
    figure = experiment(run(1, 0.6)).figure("auc")
    assert (figure.verdict, figure.difference) == ("no paper value", None)
    assert "python -m replication paper import FILE" in figure.reason


@pytest.mark.parametrize(
    ("runs", "word", "reason"),
    [
        ([run(1, 0.6, stale="code"), run(2, problem="f: bad")], "unreadable", "f: bad"),
        ([run(1, 0.6, stale="code"), run(2, 0.6)], "stale", "code"),
        ([run(1, 0.6, stale="code"), run(2)], "stale", "code"),
        ([run(1, 0.6), run(2, running=True)], "running", None),
        ([run(1, 0.6, stale="code"), run(2, running=True)], "running", None),
        ([run(1, problem="f: bad"), run(2, running=True)], "unreadable", "f: bad"),
    ],
)
def test_damage_is_told_first(runs, word, reason):
    figure = experiment(*runs, paper=0.6).figure("auc")
    assert figure.verdict == word
    assert reason is None or figure.reason == reason


def test_groups_of_users():
    of = experiment(run(1, 0.6, {1: 0.5, 2: 0.61}), run(2, 0.6, {1: 0.6, 2: 0.63}), group=0.62)
    assert of.figure("auc", 1).ours == pytest.approx(0.55)
    assert of.figure("auc", 1).verdict == "no paper value"
    assert of.figure("auc", 2).ours == pytest.approx(0.62)
    assert (of.figure("auc", 2).verdict, of.figure("auc", 2).paper) == ("within", 0.62)
    assert of.figure("auc", 3).ours is None
    assert of.figure("auc", 3).verdict in ("no paper value", "not testable")
    assert experiment(run(1, 0.6, {1: 0.5})).figure("auc", 1).ci95 == (0.5, 0.5)


def test_a_run_without_its_groups_gives_none():
    figure = experiment(run(1, 0.6), group=0.6).figure("auc", 2)
    assert (figure.ours, figure.verdict) == (None, "unreadable")


def test_a_point_of_the_sweep_has_the_paper_s_value_of_its_depth():
    at_2 = PaperCell("nrms", "bert-base", "finetuned", 2, None, "auc")
    whole = PaperCell("nrms", "bert-base", "finetuned", None, None, "auc")
    values = {at_2: Value(0.61, "Figure 2"), whole: Value(0.65, "Table 2")}
    key = ("nrms", "minilm", "finetuned", "clean", 2, "bert-base", (run(1, 0.6),), {}, values)
    assert Experiment(*key, swept=True).figure("auc").paper == 0.61
    assert Experiment(*key).figure("auc").paper == 0.65
    assert Experiment(*key).key == "nrms-minilm-finetuned-k2-clean"


def test_runs_of_all_seeds_are_one_experiment():
    (found,) = group_runs([run(1, 0.6), run(2)], {"minilm": "bert-base"}, {}, {})
    assert (found.model, len(found.runs), len(found.done)) == ("bert-base", 2, 1)
    assert found.key == "nrms-minilm-frozen-clean"
