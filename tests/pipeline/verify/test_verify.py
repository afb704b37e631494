"""`verify` finds a planted difference, and names the first stage that differs and why."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from recorded_study import STAGES, change_params, command, repro

from replication.machine import environment
from replication.pipeline.verify.judge import Sides, judge, overall, recorded_threads
from replication.pipeline.verify.records import read_records, with_upstream

pytestmark = pytest.mark.slow
FROZEN, TUNED, _ = STAGES


def compare(recorded: Path, scratch: Path, *names: str):
    """The judgements on a recorded study, against the rerun that is kept, and the first stage."""
    before, after = read_records(recorded), read_records(scratch / "rerun")
    machine = {
        "precision": "fp32",
        "libraries": environment.libraries(),
        "hardware": environment.hardware(),
        "computing": {**environment.computing(), "threads": 1},
    }
    sides = Sides(recorded, recorded, scratch / "rerun", before, after, machine)
    judgements = judge(sides, with_upstream(before, names or [*STAGES, "experiment"]))
    return {judgement.stage: judgement for judgement in judgements}, *overall(judgements)


def edit(path: Path, **changes) -> None:
    """Change values of a JSON file; `a__b` is key b of the mapping a."""
    content = json.loads(path.read_text(encoding="utf-8"))
    for name, value in changes.items():
        *above, key = name.split("__")
        inner = content
        for part in above:
            inner = inner[part]
        inner[key] = value
    path.write_text(json.dumps(content), encoding="utf-8")


def result(folder: Path, name: str = "metrics") -> Path:
    return folder / f"reports/runs/nrms-minilm-finetuned-clean-s1/{name}.json"


def test_the_same_study_is_identical(verified, recorded):
    found, scratch = verified
    assert found["verdict"] == "identical" and found["first"] is None
    verdicts = {row["stage"]: row["verdict"] for row in found["stages"]}
    assert set(verdicts.values()) == {"identical"}
    assert next(iter(verdicts)) == "check"
    assert {"code-encoders", "code-runs", "data", "prepare", *STAGES} < set(verdicts)
    assert not [row for row in found["stages"] if row["why"] or row["differences"]]
    # It was really run there, and nothing was taken from here.
    runs = [
        json.loads(result(folder, "run").read_bytes()) for folder in (recorded, scratch / "rerun")
    ]
    assert runs[0]["started"] <= runs[0]["ended"] <= runs[1]["started"] <= runs[1]["ended"]
    assert runs[0]["started"] < runs[1]["started"]
    assert not (scratch / "rerun/.dvc/cache/files").exists()
    assert not list((scratch / "rerun/reports/runs").glob("*-k0-*"))  # no stage of the sweep


def test_another_seed(verified, planted):
    change_params(planted, seed=2)
    repro(planted, "experiment")
    _, verdict, first = compare(planted, verified[1])
    assert verdict == "different" and first.stage == "experiment"
    told = "\n".join(first.why)
    assert "seed: 2 -> 1" in told and "code" not in told and "data" not in told
    assert "training differs at batch 2" in told


def test_other_code(verified, planted):
    path = planted / "replication/recommenders/nrms.py"
    code = path.read_text(encoding="utf-8")
    changed = code.replace("return self.token_pool", "return 1.01 * self.token_pool")
    assert changed != code
    path.write_text(changed, encoding="utf-8")
    repro(planted, FROZEN)
    judgements, verdict, first = compare(planted, verified[1], FROZEN)
    assert verdict == "different" and first.stage == FROZEN
    assert "code: replication/recommenders/nrms.py" in first.why
    assert judgements["embed@minilm"].verdict == "identical"


def test_a_flipped_byte_in_the_data(verified, planted):
    path = planted / "mine/train/behaviors.tsv"
    text = path.read_bytes()
    path.write_bytes(text.replace(b"-0", b"-1", 1))
    repro(planted, "prepare")
    _, verdict, first = compare(planted, verified[1], "prepare")
    assert verdict == "different" and first.stage == "data"
    assert "data: cache/source/data" in first.why
    assert first.differences[0].path == "data/raw/train/behaviors.tsv"


def test_another_checkpoint(verified, planted):
    path = planted / "bert/model.safetensors"
    weights = bytearray(path.read_bytes())
    weights[-2] ^= 1  # of the last weight, a float32
    path.write_bytes(weights)
    repro(planted, "--force", "--single-item", "checkpoint@minilm")
    repro(planted, FROZEN)
    judgements, verdict, first = compare(planted, verified[1], FROZEN)
    assert verdict == "different" and first.stage == "checkpoint@minilm"
    assert "checkpoint: minilm/model.safetensors" in first.why
    # The same where a clone has no more than the reports and dvc.lock.
    for name in ("data", "checkpoints", "embeddings", "runs"):
        shutil.rmtree(planted / name)
    judgements, verdict, first = compare(planted, verified[1], FROZEN)
    assert verdict == "different" and first.stage == "checkpoint@minilm"
    assert "checkpoint: minilm/model.safetensors" in first.why
    assert "are not here" in first.differences[0].detail
    told = "\n".join(judgements[FROZEN].why)
    assert "it reads what `checkpoint@minilm` makes, which differs" in told


def test_a_result_that_was_edited(verified, planted):
    metrics = json.loads(result(planted).read_bytes())
    edit(result(planted), auc=metrics["auc"] + 1e-9)
    _, verdict, first = compare(planted, verified[1])
    assert verdict == "different" and first.stage == TUNED
    assert any("is not the file that dvc.lock records" in line for line in first.why)


@pytest.mark.parametrize(("share", "verdict"), [(0.9, "within tolerance"), (1.1, "different")])
def test_another_machine_has_a_tolerance(verified, planted, share, verdict):
    metrics = json.loads(result(planted).read_bytes())
    low, high = metrics["ci95"]["auc"]
    edit(result(planted), auc=metrics["auc"] + share * (high - low) / 2)
    edit(result(planted, "run"), computing__threads=64)
    _, found, first = compare(planted, verified[1])
    assert (found, first.stage) == (verdict, TUNED)
    assert "machine: threads 64 -> 1" in first.why


def test_no_tolerance_for_other_inputs(verified, planted):
    metrics = json.loads(result(planted).read_bytes())
    edit(result(planted), auc=metrics["auc"] + 1e-9)
    edit(result(planted, "run"), computing__threads=64, seed=5)
    _, found, first = compare(planted, verified[1])
    assert found == "different" and "seed: 5 -> 1" in first.why


def test_a_run_json_of_an_earlier_version(verified, planted):
    path = result(planted, "run")
    run = json.loads(path.read_bytes())
    for key in ("inputs_sha256", "code_sha256", "computing"):
        del run[key]
    path.write_text(json.dumps(run), encoding="utf-8")
    judgements, verdict, _ = compare(planted, verified[1])
    assert verdict == "identical" and judgements[TUNED].why == ()
    edit(result(planted), auc=0.5)
    _, verdict, first = compare(planted, verified[1])
    assert verdict == "different"
    assert "the recorded run.json is of an earlier version, which recorded less" in first.why


def test_the_threads_of_the_recorded_runs(planted):
    assert recorded_threads(planted) == 1
    edit(result(planted, "run"), computing__threads=2)
    assert recorded_threads(planted) is None
    shutil.rmtree(planted / "reports")
    assert recorded_threads(planted) is None


def test_without_a_seed_nothing_is_compared(verified, planted):
    scratch = shutil.copytree(verified[1], planted.parent / "scratch")
    for folder in (planted, scratch / "rerun"):
        run = json.loads(result(folder, "run").read_bytes())
        run["params"]["protocol"]["seeded"] = False
        result(folder, "run").write_text(json.dumps(run), encoding="utf-8")
    edit(result(planted), auc=0.5)
    judgements, verdict, _ = compare(planted, scratch)
    assert judgements[TUNED].verdict == "not compared" and "D11" in judgements[TUNED].why[0]
    assert verdict == "identical"


def test_what_was_never_run_is_not_compared(verified, recorded):
    before, after = read_records(recorded), read_records(verified[1] / "rerun")
    sides = Sides(recorded, recorded, verified[1] / "rerun", before, after, {})
    (found,) = judge(sides, ["sweep@nrms-minilm-finetuned-k0-clean-s1"])
    assert (
        found.verdict == "not compared"
        and "dvc repro sweep@nrms-minilm-finetuned-k0-clean-s1" in found.why[0]
    )


# ---------------------------------------------------------------- the command


def test_data_that_have_changed_since_end_with_status_1(planted, tmp_path):
    path = planted / "mine/dev/behaviors.tsv"
    path.write_bytes(path.read_bytes().replace(b"-0", b"-1", 1))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    done = command(planted, "replication", "verify", "prepare", TMPDIR=str(scratch))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "error: verify: the first stage that differs is data: data: cache/source/data"
    )
    assert "data     different" in done.stdout and "prepare  different" in done.stdout
    assert not list(scratch.iterdir())


def test_a_stage_that_fails_is_told_in_one_line_and_leaves_nothing(planted, tmp_path):
    (planted / "mine/dev/news.tsv").write_text("one field\n", encoding="utf-8")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    done = command(planted, "replication", "verify", "prepare", "--json", TMPDIR=str(scratch))
    assert done.returncode == 1 and not done.stdout
    assert done.stderr.splitlines()[-1].startswith("error: verify: a stage failed in the scratch")
    assert "Traceback" not in done.stderr
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_stages_and_leaves_nothing(recorded, tmp_path, how):
    process = subprocess.Popen(
        [sys.executable, "-m", "replication", "verify", FROZEN],
        cwd=recorded,
        env={**os.environ, "TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 300
    while not list(tmp_path.glob("*/rerun/cache/code/encoders.json")):  # stages have been run
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(how)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130
    assert told.splitlines()[-1].startswith("interrupted")
    assert not list(tmp_path.iterdir())


def test_a_stage_that_is_none_is_named(recorded):
    done = command(recorded, "replication", "verify", "grids")
    assert done.returncode == 1 and done.stderr.startswith("error: verify: no stage 'grids'")
    assert len(done.stderr.splitlines()) == 1
