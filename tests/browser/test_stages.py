import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import quick_yaml
from dvc_project import dvc_changed, dvc_names
from stage_states import reason, replace, states, write_rwlock

from replication.browser.workspace.stages import read_stages

ROOT = Path(__file__).parents[2]
NAME = "nrms-tiny-clean-s1"
RUN = f"grid@{NAME}"
DVC = Path(sys.executable).parent / "dvc"


# ---------------------------------------------------------------- DVC's own answer


@pytest.mark.slow
def test_all_is_current_after_a_repro(project):
    stages = read_stages()
    assert stages.problem is None
    assert len(stages.lock_digest) == 12
    assert [stage.name for stage in stages.stages] == dvc_names(project)
    assert {(stage.state, stage.reason) for stage in stages.stages} == {("current", None)}
    assert stages.by_name["grid@nrms-tiny-clean-s1"].command == "dvc repro grid@nrms-tiny-clean-s1"
    assert not dvc_changed(project)


CHANGES = {
    "code": (lambda: Path("source/words.txt").write_text("other\n"),
             "data", "source has changed since"),
    "code of rooms": (lambda: Path("rooms/nrms/nrms.py").write_text("HEADS = 4\n"),
                      RUN, "rooms/nrms has changed since"),
    "parameter": (lambda: replace("params.yaml", "wait: false", "wait: true"),
                  "data", "params.yaml: training.frozen.wait was False, is True"),
    "setting": (lambda: replace("params.yaml", "heads: 6", "heads: 4"),
                RUN, "params.yaml: model.heads was 6, is 4"),
    "protocol": (lambda: replace("conf/protocol/clean.yaml", "4", "5"),
                 RUN, "conf/protocol/clean.yaml: negatives was 4, is 5"),
    "new setting": (lambda: replace("params.yaml", "width: null", "width: null, depth: 2"),
                    RUN, "params.yaml: model.depth is new"),
    "setting of the comparison": (lambda: replace("params.yaml", "words: 20", "words: 10"),
                                  "compare", "params.yaml: words was 20, is 10"),
    "small number": (lambda: replace("params.yaml", "1e-05", "1e-06"),
                     RUN, "params.yaml: training.frozen.rate was 1e-05, is 1e-06"),
    "list": (lambda: replace("params.yaml", "[0, 2]", "[0, 2, 3]"), "checkpoint@tiny",
             "params.yaml: training.tuned_layers.layers was [0, 2], is [0, 2, 3]"),
    "list among settings": (lambda: replace("params.yaml", "[0, 2]", "[0, 2, 3]"), RUN,
                            "params.yaml: training.tuned_layers.layers was [0, 2], is [0, 2, 3]"),
    "key gone": (lambda: replace("params.yaml", "words: 20\n", ""),
                 "data", "params.yaml: words is gone"),
    "another way to write it": (lambda: replace("params.yaml", "1e-05", "0.00001"), RUN, None),
    "command": (lambda: replace("dvc.yaml", "cp reports", "cp -f reports"),
                "report", "its command in dvc.yaml has changed"),
    "dependency": (lambda: replace("dvc.yaml", "deps: [data,", "deps: [source, data,"),
                   "grid@nrms-tiny-clean-s1", "source is a new dependency"),
    "output edited": (lambda: Path("reports/claims.json").write_text("{}"),
                      "compare", "output reports/claims.json differs from the one recorded"),
    "output removed": (lambda: Path("reports/claims.json").unlink(),
                       "report", "reports/claims.json is missing"),
    "file of a run edited": (lambda: Path(f"reports/runs/{NAME}/metrics.json").write_text("{}"),
                             RUN, f"output reports/runs/{NAME} differs from the one recorded"),
    "file of a run removed": (lambda: Path(f"reports/runs/{NAME}/metrics.json").unlink(),
                              RUN, f"output reports/runs/{NAME} differs from the one recorded"),
    "run removed": (lambda: shutil.rmtree(f"reports/runs/{NAME}"),
                    RUN, f"reports/runs/{NAME} is missing"),
    "another file in a folder": (lambda: Path("reports/runs/left.json").write_text("{}"),
                                 "compare", "reports/runs has changed since"),
    "cached output edited": (lambda: (Path("data/words.txt").unlink(),
                                      Path("data/words.txt").write_text("w0rd\n")),
                             "data", "output data differs from the one recorded"),
    "compiled file": (lambda: Path("source/a.pyc").write_text("compiled"), "data", None),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_found_as_dvc_finds_it(project, change):
    make, name, expected = CHANGES[change]
    make()
    found = reason(name)
    assert {n for n, state in states().items() if state != "current"} == dvc_changed(project)
    assert (found or "").startswith(expected or "") and (found is None) == (expected is None)


def test_what_depends_on_a_stale_stage_says_so(project):
    Path("source/words.txt").write_text("other\n", encoding="utf-8")
    assert reason("grid@nrms-tiny-clean-s1") == "waits for data, which is stale"
    assert reason("compare") == "waits for grid@nrms-tiny-clean-s1, which is stale (and 1 more)"
    assert reason("report") == "waits for compare, which is stale"
    assert reason("audit@words") == "source/words.txt has changed since"


def test_a_run_that_is_newly_asked_for_has_not_been_run(project):
    replace("params.yaml", "seeds: [s1]", "seeds: [s1, s2]")
    found = states()
    assert found["grid@nrms-tiny-clean-s2"] == found["grid@naml-tiny-clean-s2"] == "not run"
    assert found["grid@nrms-tiny-clean-s1"] == "current"
    assert reason("compare").startswith("params.yaml: grid.seeds was ['s1'], is ['s1', 's2']")
    assert {n for n, state in found.items() if state != "current"} == dvc_changed(project)


def test_parameters_checked_anew_leave_the_others_current(project):
    with Path("params.yaml").open("a", encoding="utf-8") as file:
        file.write("# a remark\n")
    assert {n for n, state in states().items() if state != "current"} == {"check"}
    assert dvc_changed(project) == {"check"}


@pytest.mark.parametrize("gone", [["data", "runs", "cache"], ["runs/grid/nrms-tiny-clean-s1.txt"]])
def test_what_is_not_in_git_may_be_absent(project, gone):
    for path in map(Path, gone):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert dvc_changed(project)  # DVC would fetch it
    assert set(states().values()) == {"current"}
    Path("source/words.txt").write_text("other\n", encoding="utf-8")
    assert reason("data") == "source has changed since"


def test_a_dependency_made_anew_is_told_from_its_record(project):
    """Where the file itself is too large to read, or absent."""
    lock = quick_yaml.load(Path("dvc.lock").read_text(encoding="utf-8"))
    lock["stages"]["data"]["outs"][0]["md5"] = f"{0:032x}.dir"
    Path("dvc.lock").write_text(quick_yaml.dump(lock), encoding="utf-8")
    shutil.rmtree("data")
    assert reason("grid@nrms-tiny-clean-s1") == "data has changed since"


@pytest.mark.slow
def test_a_clone_of_the_study_is_judged_as_dvc_judges_it(tmp_path, monkeypatch):
    for name in ("replication", "conf", "reports", ".dvc", "dvc.yaml", "dvc.lock", "params.yaml",
                 ".dvcignore"):  # fmt: skip
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("cache", "tmp", "config.local", "*.tmp")
            shutil.copytree(source, tmp_path / name, ignore=ignored)
        else:
            shutil.copy(source, tmp_path)
    (tmp_path / ".dvc/config").write_text("[core]\n    no_scm = true\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    stages = read_stages()
    assert stages.problem is None
    assert [stage.name for stage in stages.stages] == dvc_names(tmp_path)
    changed = {stage.name for stage in stages.stages if stage.state != "current"}
    assert changed == dvc_changed(tmp_path, cloned=True)


def test_large_files_are_compared_by_size(project, monkeypatch):
    monkeypatch.setattr("replication.browser.workspace.digests.LARGE", 0)
    assert set(states().values()) == {"current"}
    for path in ("data/words.txt", "source/words.txt"):
        Path(path).unlink()
        Path(path).write_text("w0rd\n", encoding="utf-8")
    assert set(states().values()) == {"current"}
    Path("source/words.txt").write_text("longer\n", encoding="utf-8")
    assert reason("data") == "source has changed since"
    Path("data/words.txt").write_text("longer\n", encoding="utf-8")
    assert reason("data").endswith("(and 1 more)")
    assert reason("grid@nrms-tiny-clean-s1") == "data has changed since"


# ---------------------------------------------------------------- running


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "command", "before"),
    [("report", "cp reports", "compare"), (RUN, f"{sys.executable} run.py", "data")],
    ids=["a file is written", "a run's folder is written"],
)
def test_a_running_stage_is_running_and_then_current(project, name, command, before):
    waiting = "touch here; until [ -e go ]; do sleep 0.02; done"
    replace("dvc.yaml", f"cmd: {command}", f"cmd: {waiting}; {command}")
    with subprocess.Popen([DVC, "repro"], stdout=subprocess.PIPE, text=True) as repro:
        try:
            while not Path("here").exists():
                assert repro.poll() is None
                time.sleep(0.02)
            during = read_stages().by_name
            assert during[name].state == "running"
            assert during[name].reason == f"`dvc repro` is at it (process {repro.pid})"
            assert during[before].state == "current"
        finally:
            Path("go").touch()
        assert repro.wait() == 0
    assert set(states().values()) == {"current"}


def test_what_needs_a_running_stage_waits_for_it(project):
    claims = str(project / "reports/claims.json")
    write_rwlock({"write": {claims: {"pid": os.getpid(), "cmd": "/bin/dvc repro compare"}}})
    assert states()["compare"] == "running"
    assert reason("report") == "waits for compare, which is running"


def ended() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


@pytest.mark.parametrize("pid", ["ended", 0, -1, 2**70, True, "1", None, 1.5])
def test_a_lock_without_a_live_process_counts_for_nothing(project, pid):
    info = {"pid": ended() if pid == "ended" else pid, "cmd": "dvc repro"}
    write_rwlock({"write": {str(project / "reports/claims.json"): info}})
    assert set(states().values()) == {"current"}


def test_what_is_read_is_not_running(project):
    info = {"pid": os.getpid(), "cmd": "dvc repro"}
    write_rwlock({"read": {str(project / "reports/claims.json"): [info]}})
    assert set(states().values()) == {"current"}
