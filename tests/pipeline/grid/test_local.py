"""Stages at once, as real processes under a real DVC: the same end, however it is interrupted."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from stand_in_study import CELLS, EVERY, facts, lines_of, ran, results, run, start, wait_for

from replication.pipeline.grid import local

GRID = ("replication", "grid")
UPSTREAM = {"check", "prepare", "checkpoint@static", "embed@static"}


def is_gone(pid: int) -> bool:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_each_stage_is_told_before_it_starts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    monkeypatch.setattr(local, "command", lambda _: ["platform"])
    for name in ("make_good", "order_lock"):
        monkeypatch.setattr(local, name, lambda *_: None)
    told = []

    def before(name):
        told.append((name, local.log_of(name).exists(), local.log_of("a").exists()))

    local.run_stages({}, {"a": (), "b": ("a",)}, 2, before=before)
    assert told == [("a", False, False), ("b", False, True)]


@pytest.mark.slow
def test_two_at_once_end_as_one_after_another(study, serial):
    (study / "control/meet").write_text("2")  # no cell ends before two run
    printed = run(study, *GRID, "--gpus", "4,7", OMP_NUM_THREADS="3")
    assert results(study) == serial
    assert f"{EVERY} of {EVERY} stages done, 0 failed" in printed
    lines = lines_of(study)
    assert len(lines) == EVERY and {facts(line)["threads"] for line in lines} == {"3"}
    met = [facts(line)["gpu"] for line in lines if line.startswith("grid@")][:2]
    assert sorted(met) == ["4", "7"]
    assert run(study, *GRID, "--jobs", "2") == "grid: nothing is missing\n" and not ran(study)


@pytest.mark.slow
def test_a_failure_stops_what_needs_it_and_no_more(begun, serial):
    for stage in ("embed@minilm", "grid@nrms-static-frozen"):
        (begun / f"control/fail/{stage}").touch()
    printed = run(begun, *GRID, "--jobs", "2", succeed=False)
    failed = [line for line in printed.splitlines() if line.startswith("failed")]
    assert len(failed) == 2 and all("this one fails; cache/grid/" in line for line in failed)
    assert "Traceback" not in printed and "error: grid: " in printed.splitlines()[-1]
    static = {f"grid@{cell}" for cell in CELLS if "static" in cell}
    assert set(ran(begun)) == static | {"checkpoint@minilm", "embed@minilm"}
    for stage in ("embed@minilm", "grid@nrms-static-frozen"):
        (begun / f"control/fail/{stage}").unlink()
    run(begun, *GRID, "--jobs", "2")
    others = {f"grid@{cell}" for cell in CELLS if "minilm" in cell}
    again = ran(begun)
    assert set(again) == others | {"embed@minilm", "grid@nrms-static-frozen", "compare", "report"}
    assert len(again) == len(set(again)) and results(begun) == serial


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_stopped_it_leaves_nothing_running_and_goes_on(begun, how):
    held = "grid@nrms-static-frozen"
    (begun / f"control/hold/{held}").touch()
    options = ("--jobs", "2", "--only", "nrms-static-*")
    process = start(begun, *GRID, *options)
    stage = wait_for(begun, held)
    wait_for(begun, "grid@nrms-static-finetuned")
    process.send_signal(how)
    printed, _ = process.communicate()
    assert process.returncode == {signal.SIGKILL: -signal.SIGKILL}.get(how, 130)
    assert "Traceback" not in printed
    if how != signal.SIGKILL:
        assert printed.splitlines()[-1] == "interrupted; run the same command again to go on"
    (begun / f"control/hold/{held}").unlink()
    ran(begun)
    run(begun, *GRID, *options)  # at once, while those of the first may still be ending
    assert is_gone(stage)
    assert set(ran(begun)) <= {held, "grid@nrms-static-finetuned"}
    assert run(begun, *GRID, *options) == "grid: nothing is missing\n"


@pytest.mark.slow
def test_a_killed_child_is_a_failed_stage_and_takes_its_own_with_it(begun):
    """The stage itself, the DVC that runs it, or the process that watches over both."""
    held = [f"grid@{recommender}-static-frozen" for recommender in ("naml", "nrms", "lstur")]
    for stage in held:
        (begun / f"control/hold/{stage}").touch()
    options = ("--jobs", "4", "--only", "*-static-f*")
    process = start(begun, *GRID, *options)
    children = [wait_for(begun, stage) for stage in held]
    for pid, generation in zip(children, (0, -2, -1), strict=True):
        above = [p.pid for p in psutil.Process(pid).parents()]
        chain = [pid, *above[: above.index(process.pid)]]  # a shell may stand before DVC
        os.kill(chain[generation], signal.SIGKILL)
    printed, _ = process.communicate()
    assert process.returncode == 1 and all(map(is_gone, children))
    assert all(printed.count(f"\nfailed  {stage}: ") == 1 for stage in held)
    assert "3 of 6 stages done, 3 failed" in printed
    for stage in held:
        (begun / f"control/hold/{stage}").unlink()
    ran(begun)
    run(begun, *GRID, *options)
    assert sorted(ran(begun)) == sorted(held)


@pytest.mark.slow
def test_what_dvc_cannot_read_is_mended_first(begun):
    (begun / ".dvc/tmp/rwlock").write_bytes(b"")
    one = ("--jobs", "1", "--only", "nrms-static-frozen*")
    printed = run(begun, *GRID, *one).splitlines()
    assert printed[0] == ".dvc/tmp/rwlock: could not be read, and is removed"
    assert ran(begun) == ["grid@nrms-static-frozen"]


@pytest.mark.slow
def test_a_dry_run_prints_what_is_missing_and_runs_nothing(study):
    printed = run(study, *GRID, "--jobs", "1", "--only", "nrms-static-f*", "--dry-run").splitlines()
    assert printed[-1] == "dvc --wait-for-lock repro --single-item grid@nrms-static-finetuned"
    assert len(printed) == len(UPSTREAM) + 2 and not ran(study)
    told = run(study, *GRID, "--jobs", "1", "--only", "bert-*", succeed=False)
    assert "--only 'bert-*': no run is called so; there is 'naml-static-frozen-clean-s1'" in told
