"""The study as read from every tree, beside the files themselves."""

import json
import shutil
from pathlib import Path

import pytest
from trees import GRID, RUN, TREES

from replication.browser.reading.runs import UNASKED
from replication.browser.reading.study import read_study
from replication.report.study import DEMO_LABEL
from replication.study import paths


def experiment(study):
    """That of the run that trees damage."""
    return next(p for p in study.grid if p.key == "nrms-minilm-finetuned-k2-clean")


@pytest.mark.parametrize("tree", TREES)
def test_every_tree_is_read_with_each_problem_in_one_line_of_its_own(inside, tree):
    inside(tree)
    problems = read_study().problems
    assert len(problems) == len(set(problems))
    assert not any("\n" in line for line in problems)
    for line in problems:
        assert line.partition(":")[0].partition(",")[0] in (
            "dvc.lock", "params.yaml", f"{RUN}/metrics.json",
            "reports/claims.json", "reports/comparison.json",
        )  # fmt: skip


def test_every_run_is_there_once(inside):
    inside("full")
    study = read_study()
    names = [run.cell.name for run in study.runs]
    assert len(names) == len(set(names))
    folders = [*Path("reports/runs").iterdir()]
    assert set(names) == {*(f"{f.parent.name}/{f.name}" for f in folders), "experiment"}
    for run in study.runs:
        written = json.loads((run.cell.folder / "metrics.json").read_text(encoding="utf-8"))
        assert {key: run.cell.metrics[key] for key in ("auc", "mrr", "ndcg@5", "ndcg@10")} == {
            key: written[key] for key in ("auc", "mrr", "ndcg@5", "ndcg@10")
        }


def test_figures_of_the_grid_are_those_of_the_files_and_of_compare(inside):
    inside("full")
    study = read_study()
    comparison = json.loads(paths.COMPARISON.read_text(encoding="utf-8"))
    compared = {
        (c["recommender"], c["encoder"], c["tuning"], c["protocol"], c["layers"]): c["metrics"]
        for c in comparison["cells"]
    }
    assert len(study.grid) == len(compared) == len(GRID)
    for p in study.grid:
        found = compared[p.recommender, p.encoder, p.tuning, p.protocol, p.layers]
        for metric in found:
            figure = p.figure(metric)
            assert figure.ours == pytest.approx(found[metric]["ours"], rel=1e-12)
            assert list(figure.ci95) == found[metric]["ci95"]


def test_the_sweep_holds_the_grid_s_own_depth(inside):
    inside("full")
    study = read_study()
    depths = {p.layers for p in study.sweep if p.recommender == "nrms"}
    assert depths == {0, 2, 4, 6}
    curves = json.loads(paths.COMPARISON.read_text(encoding="utf-8"))["sweep"]
    for curve in curves:
        for point in curve["curve"]:
            found = next(
                p for p in study.sweep
                if (p.recommender, p.layers) == (curve["recommender"], point["layers"])
            )  # fmt: skip
            assert found.figure("auc").ours == pytest.approx(point["ours"], rel=1e-12)


@pytest.mark.parametrize(
    ("tree", "word"),
    [("full", "no paper value"), ("empty", "not run"), ("one_run", "no paper value"),
     ("partial", "partial 1/3"), ("stale", "stale"), ("running", "running"),
     ("truncated", "unreadable"), ("nan", "unreadable"), ("text_metric", "unreadable"),
     ("damaged_comparison", "no paper value"), ("bad_lock", "stale")],
)  # fmt: skip
def test_the_verdict_of_an_experiment_is_its_state(inside, tree, word):
    inside(tree)
    figure = experiment(read_study()).figure("auc")
    assert figure.verdict == word
    readable = word not in ("not run", "running", "unreadable")
    assert (figure.ours is not None) == readable


def test_without_params_yaml_runs_are_still_listed(inside):
    inside("bad_params")
    study = read_study()
    assert study.params.problem and "no_such_key" in study.params.problem
    assert study.profile == "demo"
    assert {run.state().word for run in study.runs} == {"stale"}
    assert {run.cell.name for run in study.runs} == {
        f"runs/{path.name}" for path in Path("reports/runs").iterdir()
    }
    assert experiment(study).figure("auc").ours is not None


def test_an_empty_project_lists_every_experiment(inside):
    inside("empty")
    study = read_study()
    assert len(study.grid) == len(GRID)
    assert {p.figure("auc").ours for p in study.grid} == {None}
    assert study.claims.content is None and study.claims.problem is None
    assert study.report is None


def test_a_folder_without_a_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = read_study()
    assert (study.grid, study.runs, study.stages.stages) == ((), (), ())
    assert study.profile is None and not study.demo and study.note == ""
    assert any(line.startswith("params.yaml") for line in study.problems)


def test_a_run_that_params_yaml_does_not_ask_for(own_tree):
    own_tree("full")
    shutil.move(RUN, "reports/runs/of-another-study")
    study = read_study()
    (left,) = [run for run in study.runs if run.stale == UNASKED]
    assert left.cell.name == "runs/of-another-study"
    assert [run for p in study.grid for run in p.runs if run is left]


def test_the_comparison_is_marked_stale(inside):
    inside("stale")
    study = read_study()
    assert study.stale("compare").startswith("replication/paper has changed since")
    assert study.stale("data") is None
    assert study.stale("no such stage") is None


def test_the_report_s_view_counts_what_is_there(inside):
    inside("full")
    report = read_study().report
    assert len(report.done) == len(GRID)
    assert report.note == DEMO_LABEL
    inside("truncated")
    assert len(read_study().report.done) == len(GRID) - 1
    inside("damaged_comparison")
    assert read_study().report is None


def test_a_change_shows_in_the_next_read(own_tree):
    own_tree("full")
    assert experiment(read_study()).figure("auc").verdict == "no paper value"
    value = json.loads(Path(RUN, "metrics.json").read_text(encoding="utf-8"))
    Path(RUN, "metrics.json").write_text(json.dumps(value | {"auc": 0.25}), encoding="utf-8")
    figure = experiment(read_study()).figure("auc")
    assert (figure.ours, figure.verdict) == (0.25, "stale")
    Path(RUN, "metrics.json").unlink()
    assert experiment(read_study()).figure("auc").ours is None
