import json
import shutil
from pathlib import Path

import pytest
from trees import RUN

from replication.browser.names import run_name
from replication.browser.reading.runs import (
    KINDS,
    UNASKED,
    described,
    made_run,
    read_run,
    read_run_at_hand,
    read_unasked,
)
from replication.browser.workspace.stages import Stage, Stages
from replication.files.readable import File
from replication.paper.cells import grid_cells, sweep_cells
from replication.study.params import load_params

STAGE = "grid@nrms-minilm-finetuned-clean-s1"


def cell():
    return next(c for c in grid_cells(load_params()) if str(c.folder) == RUN)


def stages(state: str = "current", reason: str | None = None) -> Stages:
    return Stages((Stage(STAGE, state, reason, f"dvc repro {STAGE}"),), None, None)


def written(name: str) -> dict:
    return json.loads(Path(RUN, f"{name}.json").read_text(encoding="utf-8"))


def test_a_run_holds_its_files(inside):
    inside("full")
    run = read_run(cell(), stages())
    assert run.name == Path(RUN).name
    assert {name: run.state(name) for name in KINDS} == dict.fromkeys(KINDS, ("ready", None))
    assert run.cell.metrics["auc"] == written("metrics")["auc"]
    assert run.cell.cost["seconds"] == written("cost")["seconds"]
    assert run.problems == []


def test_damage_stands_before_staleness_and_a_running_stage_before_both(own_tree):
    own_tree("truncated")
    stale = read_run(cell(), stages("stale", "code changed"))
    assert stale.state().word == "unreadable"
    assert f"{RUN}/metrics.json: not valid JSON" in stale.state().reason
    assert stale.state("cost") == ("stale", "code changed")
    assert read_run(cell(), stages("running", "dvc is at it")).state().word == "running"
    assert len(stale.problems) == 1


def test_a_run_without_files_names_its_command(inside):
    inside("empty")
    run = read_run(cell(), stages())
    for kind in KINDS:
        assert run.state(kind) == ("not run", f"run `dvc repro {STAGE}`")


def test_a_file_that_is_not_there_beside_metrics_is_damage(own_tree):
    own_tree("full")
    Path(RUN, "cold_start.json").unlink()
    run = read_run(cell(), stages())
    assert run.state() == ("ready", None)
    assert run.state("cold_start").word == "unreadable"
    assert f"{RUN}/cold_start.json: no such file" in run.state("cold_start").reason


def test_the_experiment_at_hand(inside):
    inside("full")
    run = read_run_at_hand(load_params(), stages())
    made = json.loads(Path("reports/experiment/metrics.json").read_text(encoding="utf-8"))
    assert run.cell.metrics["auc"] == made["auc"]
    experiment = (run.cell.recommender, run.cell.encoder, run.cell.tuning, run.cell.layers)
    assert experiment == ("nrms", "minilm", "finetuned", 2)


# ---------------------------------------------------------------- not asked for


@pytest.fixture
def left_over(own_tree):
    own_tree("full")
    shutil.copytree(RUN, "reports/runs/left-over")
    shutil.copytree(RUN, "reports/runs/nrms-minilm-l3-finetuned-k9-clean-s1")
    Path("reports/runs/a-file.json").touch()
    params = load_params()
    known = [read_run(c, stages()) for c in (*grid_cells(params), *sweep_cells(params))]
    return lambda: read_unasked(known, UNASKED)


def test_runs_that_nothing_asks_for_are_stale(left_over):
    found = {run.cell.name: run for run in left_over()}
    assert set(found) == {"runs/left-over", "runs/nrms-minilm-l3-finetuned-k9-clean-s1"}
    for run in found.values():
        assert run.state() == ("stale", UNASKED)
        assert (run.cell.recommender, run.cell.encoder) == ("nrms", "minilm")
        assert (run.cell.tuning, run.cell.protocol) == ("finetuned", "clean")
        assert (run.cell.layers, run.cell.seed) == (2, 1)


def test_one_whose_run_json_is_damaged_is_of_an_unknown_experiment(left_over):
    Path("reports/runs/left-over/run.json").write_text("{", encoding="utf-8")
    run = next(run for run in left_over() if run.cell.name == "runs/left-over")
    assert run.cell.recommender == run.cell.protocol == "unknown"
    assert run.cell.layers is None
    assert len(run.problems) == 1


@pytest.mark.parametrize(
    "params", [{}, {"recommender": 3, "tuning": None, "protocol": "x", "finetune_layers": True},
               {"protocol": {"name": 1}, "tuning": "finetuned", "finetune_layers": "2"}],
)  # fmt: skip
def test_the_experiment_is_never_guessed(params):
    found = described("runs/x", "dvc repro runs", {"params": params, "seed": 7})
    assert found.recommender == found.encoder == found.protocol == "unknown"
    assert found.layers is None
    assert found.seed == 7


def test_another_part_than_the_top_layers_is_in_the_name():
    entry = {"minilm": {"layers": 6}}
    params = {
        "recommender": "nrms", "encoder": "minilm", "tuning": "finetuned", "finetune_layers": 2,
        "tuned_parts": "lora", "protocol": {"name": "clean"}, "encoders": entry,
    }  # fmt: skip
    found = described("runs/x", "", {"params": params, "seed": 1})
    assert run_name(found) == "NRMS, MiniLM, fine-tuned, lora2, clean, seed 1"
    known = described("runs/x", "", {"params": params | {"tuned_parts": ["lora"]}, "seed": 1})
    assert run_name(known) == "NRMS, MiniLM, fine-tuned, 2 layers, clean, seed 1"


def test_made_run_takes_what_could_be_read(inside):
    inside("full")
    files = {name: File(Path(RUN, f"{name}.json")) for name in KINDS}
    files["cost"] = File(files["cost"].path, written("cost"))
    run = made_run(cell(), files)
    assert run.cell.metrics is None
    assert run.cell.cost == written("cost")
