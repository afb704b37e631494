"""Job arrays on a real cluster of one node, which these tests start and stop."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from slurm_cluster import cluster, missing, wait_until_empty
from stand_in_study import CELLS, EVERY, ran, results, run, wait_for

GRID = ("replication", "grid", "--slurm")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(missing() is not None, reason=f"no SLURM here: {missing()}"),
]


@pytest.fixture(scope="module")
def slurm():
    """Variables of the cluster; stages compute with one thread, and it has room for four."""
    with (
        tempfile.TemporaryDirectory(prefix="slurm-") as folder,  # a socket's path must be short
        cluster(Path(folder)) as variables,
    ):
        yield {**variables, "OMP_NUM_THREADS": "1"}


def told(study) -> str:
    """What the last job has to say."""
    return (study / "cache/grid/collect.log").read_text(encoding="utf-8")


def task_of(study, stage: str) -> str:
    from replication.files.documents import read_json

    return read_json(study / "cache/grid/submitted.json")["tasks"][stage]


def test_an_array_of_twelve_cells_ends_as_a_serial_repro(study, serial, slurm):
    run(study, *GRID, **slurm)
    wait_until_empty(slurm)
    assert results(study) == serial, told(study)
    assert f"{EVERY} of {EVERY} stages done, 0 failed" in told(study)
    # Of seconds, and not kept in DVC's cache of runs: every copy does it anew.
    stages = [stage for stage in ran(study) if stage != "check"]
    assert len(stages) == len(set(stages)) == EVERY - 1
    assert not list((study / "cache/grid/copies").iterdir())
    assert run(study, *GRID, **slurm) == "grid: nothing is missing\n"


def test_a_failure_stops_what_needs_it_and_a_second_start_runs_what_is_missing(begun, slurm):
    failing = {"checkpoint@minilm", "grid@nrms-static-frozen"}
    for stage in failing:
        (begun / f"control/fail/{stage}").touch()
    run(begun, *GRID, **slurm)
    wait_until_empty(slurm)
    static = {f"grid@{cell}" for cell in CELLS if "static" in cell}
    assert set(ran(begun)) - {"check"} == static | {"checkpoint@minilm"}
    assert f"{len(static) - 1} of {len(CELLS) + 4} stages done, 2 failed" in told(begun)
    assert told(begun).splitlines()[-1].startswith("error: grid: ")
    assert all(stage in told(begun).splitlines()[-1] for stage in failing)
    assert "error: this one fails" in (begun / "cache/grid/checkpoint@minilm.log").read_text()
    (begun / "control/fail/grid@nrms-static-frozen").unlink()
    run(begun, *GRID, "--only", "nrms-static-*", **slurm)
    wait_until_empty(slurm)
    assert set(ran(begun)) - {"check"} == {"grid@nrms-static-frozen"}
    assert "1 of 1 stages done, 0 failed" in told(begun)


def test_a_requeued_task_begins_again_and_a_second_start_leaves_it_alone(begun, slurm):
    """Requeued by SLURM, as after a preemption; then told that its time is nearly up."""
    held, options = "grid@nrms-static-frozen", ("--only", "nrms-static-frozen-*")
    (begun / f"control/hold/{held}").touch()
    run(begun, *GRID, *options, **slurm)
    for command in (["scontrol", "requeue"], ["scancel", "--batch", "--signal=USR1"]):
        wait_for(begun, held)
        ran(begun)
        subprocess.run([*command, task_of(begun, held)], check=True, env={**os.environ, **slurm})
    wait_for(begun, held)
    assert "grid: 0 stages in 0 arrays" in run(begun, *GRID, *options, **slurm)
    (begun / f"control/hold/{held}").unlink()
    wait_until_empty(slurm)
    log = (begun / f"cache/grid/{held}.log").read_text(encoding="utf-8")
    assert "its time is up; it is queued again" in log and "Traceback" not in log
    assert "1 of 1 stages done, 0 failed" in told(begun)
    assert run(begun, *GRID, *options, **slurm) == "grid: nothing is missing\n"


def test_cells_of_a_real_study_are_those_of_a_serial_repro(made_project, tmp_path, slurm):
    """Two cells, trained; to the byte, and in a copy of the project they name its commit."""
    sys.path.append(str(Path(__file__).parents[1] / "verify"))
    from recorded_study import STAGES, repro, write_study

    for name in ("serial", "arrays"):
        write_study(made_project, tmp_path / name)
    project, serial, cells = tmp_path / "arrays", tmp_path / "serial", STAGES[:2]
    repro(serial, *cells)
    (project / ".gitignore").write_text("/cache/\n/.dvc/\n")
    identity = {f"GIT_{who}_{what}": "tests@example.org" for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")}  # fmt: skip
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run(["git", *words], cwd=project, check=True, env={**os.environ, **identity})
    run(project, *GRID, "--only", "nrms-minilm-*", **slurm)
    wait_until_empty(slurm)
    assert " done, 0 failed" in told(project)
    for cell in ("nrms-minilm-frozen-clean-s1", "nrms-minilm-finetuned-clean-s1"):
        here, there = (folder / "reports/runs" / cell for folder in (project, serial))
        for name in ("metrics.json", "cold_start.json"):
            assert (here / name).read_bytes() == (there / name).read_bytes()
        one, other = (json.loads((f / "run.json").read_text()) for f in (here, there))
        differing = {key for key in one if one[key] != other[key]}
        assert differing <= {"started", "ended", "git"} and one["git"]["changed"] is False
