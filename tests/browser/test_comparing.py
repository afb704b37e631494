"""The paired test of two runs against scipy, and what is said where there can be none."""

import hashlib
from dataclasses import replace

import polars as pl
import pytest
from scipy import stats
from scored import FROZEN, TUNED, record, scores

from replication.browser.content.candidates import Candidate, candidates
from replication.browser.content.comparing import Test, answer, commands, paired_test, reading
from replication.browser.reading.study import read_study
from replication.browser.workspace.dvc_experiments import DvcExperiment
from replication.evaluation.metrics import METRICS


@pytest.fixture
def two(own_tree):
    """A project with scores of two runs; their frames."""
    folder = own_tree("full")
    frames = [scores(folder, FROZEN, 1), scores(folder, TUNED, 2)]
    for run, frame in zip((FROZEN, TUNED), frames, strict=True):
        record(folder, run, frame)
    return folder, *frames


def chosen(*keys: str, experiments=()):
    study = read_study()
    known = candidates(study.runs, experiments)
    return *(known[key] for key in keys), study


def test_the_test_is_scipys_and_the_sentence_says_it(two):
    _, x, y = two
    a, b, study = chosen(FROZEN, TUNED)
    test = paired_test(a, b, study)
    assert test.reason is None
    p = {name: stats.ttest_rel(y[name], x[name]).pvalue for name in METRICS}
    assert {name: gap.p for name, gap in test.gaps.items()} == pytest.approx(p)
    gap = test.gaps["auc"]
    difference = b.run.cell.metrics["auc"] - a.run.cell.metrics["auc"]
    assert gap.difference == pytest.approx(difference)
    text = answer(a, b, test)
    way = "higher" if difference > 0 else "lower"
    assert f"B's AUC is {abs(difference):.4f} {way} than A's [{gap.ci95[0]:+.4f}, " in text
    assert "(Holm, over 4 metrics), on 3,000 shared impressions" in text


def test_the_sentence_turns_with_the_runs(two):
    a, b, study = chosen(FROZEN, TUNED)
    there, back = (answer(*pair, paired_test(*pair, study)) for pair in ((a, b), (b, a)))
    assert ("lower" in there) != ("lower" in back)
    assert "no more than chance can explain" in there


def test_holm_decides_not_the_plain_p(two):
    gap = paired_test(*chosen(FROZEN, TUNED)).gaps["auc"]
    assert reading(replace(gap, difference=0.1, p=0.02, p_holm=0.06)) == "not resolved"
    assert reading(replace(gap, difference=0.1, p=0.01, p_holm=0.04)) == "B better"
    assert reading(replace(gap, difference=-0.1, p=0.01, p_holm=0.04)) == "A better"
    assert reading(replace(gap, p=None, p_holm=None)) == reading(None) == "no test"


def test_without_scores_there_is_no_test_but_the_command(inside):
    inside("full")
    a, b, study = chosen(FROZEN, "nrms-smollm2-frozen-clean-s1")
    test = paired_test(a, b, study)
    assert not test.gaps
    assert (
        test.command
        == "dvc repro grid@nrms-minilm-frozen-clean-s1 grid-llm@nrms-smollm2-frozen-clean-s1"
    )
    text = answer(a, b, test)
    assert "no paired test: the per-impression scores of A and B are not on this machine" in text
    assert "p =" not in text and "p <" not in text


def test_scores_that_dvc_did_not_record_are_not_used(two):
    folder, x, _ = two
    path = folder / f"runs/grid/{TUNED}.parquet"
    x.write_parquet(path)  # of another run
    test = paired_test(*chosen(FROZEN, TUNED))
    assert "scores of B are not on this machine" in test.reason
    assert not test.gaps


def test_scores_that_metrics_were_not_made_of_give_no_test(two):
    folder, x, _ = two
    record(folder, TUNED, x)
    test = paired_test(*chosen(FROZEN, TUNED))
    assert "scores of B are not those that its metrics.json was made of" in test.reason
    assert test.command == "dvc repro grid@nrms-minilm-finetuned-clean-s1"


def test_other_impressions_give_no_test(two):
    folder, _, y = two
    record(folder, TUNED, y.with_columns(pl.col("impression_id") + 5000))
    test = paired_test(*chosen(FROZEN, TUNED))
    assert "0 in common: no paired test" in test.reason


def test_an_experiment_is_tested_by_what_the_cache_holds(two):
    folder, _, y = two
    reports = (folder / f"reports/runs/{TUNED}").glob("*.json")
    files = {path.name: path.read_bytes() for path in reports}
    lynx = DvcExperiment("lynx", "ab" * 20, "cd" * 20, None, files, None, "dvc exp apply lynx")
    test = paired_test(*chosen(FROZEN, "exp:lynx", experiments=[lynx]))
    assert test.command == "dvc exp apply lynx && dvc repro experiment"

    path = folder / f"runs/grid/{TUNED}.parquet"
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    cached = folder / f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}"
    cached.parent.mkdir(parents=True)
    path.rename(cached)
    lynx = replace(lynx, scores_md5=md5)
    test = paired_test(*chosen(FROZEN, "exp:lynx", experiments=[lynx]))
    assert test.gaps["mrr"].b == pytest.approx(y["mrr"].mean())


@pytest.mark.parametrize(
    "state, words",
    [
        ("empty", ["Nothing to compare yet", "A is ○ not run", "B is ○ not run", "dvc repro"]),
        ("truncated", ["Nothing to compare yet", "B is ! unreadable", "not valid JSON"]),
        ("nan", ["B is ! unreadable", "finite number"]),
        ("text_metric", ["B is ! unreadable"]),
        ("stale", ["No judgement", "A is ↺ stale", "has changed since"]),
        ("running", ["Nothing to compare yet", "B is ▶ running"]),
    ],
)
def test_what_is_the_matter_stands_in_experiment_of_numbers(inside, state, words):
    inside(state)
    a, b, study = chosen(FROZEN, TUNED)
    text = answer(a, b, paired_test(a, b, study))
    assert all(word in text for word in words), text
    assert "AUC" not in text


def test_the_same_run_twice(two):
    a, b, study = chosen(FROZEN, FROZEN)
    assert "same run is chosen twice" in answer(a, b, paired_test(a, b, study))


def test_an_undefined_auc_is_no_number(inside):
    inside("full")
    a, b, _ = chosen(FROZEN, TUNED)
    cell = replace(b.run.cell, metrics=b.run.cell.metrics | {"auc": None})
    undefined = Candidate(b.key, replace(b.run, cell=cell))
    assert answer(a, undefined, Test({}, "no paired test")).startswith(
        "AUC is not defined for both"
    )


def test_each_run_has_its_command(inside):
    inside("full")
    a, b, study = chosen("nrms-minilm-finetuned-k0-clean-s1", "experiment")
    assert commands(a, study) == "dvc repro sweep@nrms-minilm-finetuned-k0-clean-s1"
    assert commands(b, study) == "dvc repro experiment"


def test_a_run_that_is_no_stage_is_run_as_an_experiment(inside):
    inside("full")
    a, study = chosen(FROZEN)
    gone = replace(a.run, cell=replace(a.run.cell, command="dvc repro runs"))
    assert commands(Candidate("gone", gone), study).startswith("dvc exp run -S ")
    without = replace(gone, cell=replace(gone.cell, run=None))
    assert commands(Candidate("gone", without), study) is None


def test_ties_are_equal_and_without_variance_there_is_no_test(two):
    a, b, study = chosen(FROZEN, TUNED)
    gap = paired_test(a, b, study).gaps["auc"]
    level = replace(gap, difference=0.0, p=1.0, p_holm=1.0, ci95=(0.0, 0.0))
    assert "B's AUC equals A's" in answer(a, b, Test({"auc": level}))
    text = answer(a, b, Test({"auc": replace(gap, difference=0.01, p=None, p_holm=None)}))
    assert "no variance" in text
    assert "Holm" not in text
