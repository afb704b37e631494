"""What is handed to sbatch: order, resources, and names that no shell takes for more."""

import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from replication.files.documents import read_json
from replication.files.errors import StudyError
from replication.pipeline.grid import resources, slurm
from replication.pipeline.grid.graph import Stage
from replication.study import paths
from replication.study.params import load_params

ROOT = Path(__file__).parents[3]
STAGES = {
    s.name: s
    for s in (
        Stage("prepare", None, (), False),
        Stage("embed@a", None, ("prepare",), True),
        Stage("embed@b", None, ("prepare",), True),
        Stage("grid@x-a", "x-a-s1", ("prepare", "embed@a"), True),
        Stage("grid@x-b", "x-b-s1", ("prepare", "embed@b"), True),
        Stage("grid@y-b", "y-b-s1", ("prepare", "embed@b"), True),
        Stage("compare", None, ("grid@x-a", "grid@x-b", "grid@y-b"), True),
    )
}
PENDING = [name for name, stage in STAGES.items() if stage.pending]


def program(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def sbatch(tmp_path, monkeypatch):
    """A stand-in that numbers jobs and refuses the one of the number in `refused`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    program(
        tmp_path / "bin/sbatch",
        "#!/bin/sh\n"
        'echo "$@" >> calls; cat >> scripts; n=$(wc -l < calls)\n'
        '[ "$n" = "$(cat refused 2>&-)" ] && { echo "sbatch: error: no account" >&2; exit 1; }\n'
        'echo "10$n;here"\n',
    )
    program(tmp_path / "bin/scancel", '#!/bin/sh\necho "$@" > cancelled\n')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def submit(**more) -> None:
    given = {"needs": lambda _: (), "jobs": None, "options": (), "dry_run": False}
    slurm.submit(STAGES, PENDING, **{**given, **more})


def test_arrays_wait_for_what_they_need_and_the_last_job_for_all(sbatch, capsys):
    submit(jobs=5, options=["--qos=low"])
    calls = [line.split() for line in (sbatch / "calls").read_text().splitlines()]
    arrays = ["--array=0-1%5", "--array=0-0%5", "--array=0-1%5", "--array=0"]
    waits = [
        [],
        ["--dependency=afterok:101_0"],
        ["--dependency=afterok:101_1"],
        ["--dependency=afterany:101,afterany:102,afterany:103"],
    ]  # fmt: skip
    for call, array, wait in zip(calls, arrays, waits, strict=True):
        assert array in call and [word for word in call if "--dependency" in word] == wait
        assert call[-1] == "--qos=low"
    assert all("--requeue" in call for call in calls[:-1])
    assert "5 stages in 3 arrays, then job 104;" in capsys.readouterr().out


def test_where_sbatch_refuses_nothing_stays_submitted(sbatch):
    (sbatch / "refused").write_text("3")
    with pytest.raises(StudyError, match=r"^sbatch: error: no account; nothing is submitted$"):
        submit()
    assert (sbatch / "cancelled").read_text() == "101 102\n"
    assert not (sbatch / paths.GRID_SUBMITTED).exists()


def test_an_array_is_no_longer_than_slurm_lets_it_be(monkeypatch):
    monkeypatch.setattr(slurm, "_LONGEST", 1)
    found = slurm.arrays(STAGES, ["embed@a", "embed@b", "grid@x-b", "grid@y-b"], lambda _: ())
    assert [array.stages for array in found] == [
        ("embed@a",), ("embed@b",), ("grid@x-b",), ("grid@y-b",)
    ]  # fmt: skip


def test_where_only_the_last_stages_are_missing_there_is_one_job(sbatch):
    slurm.submit(STAGES, ["compare"], lambda _: (), None, (), False)
    (call,) = (sbatch / "calls").read_text().splitlines()
    assert "--job-name=collect" in call and "--dependency" not in call


def test_a_second_start_leaves_alone_what_the_first_is_still_at(sbatch):
    """embed@a is done, embed@b runs, a cell of each has failed: its stage is submitted again."""
    submit()
    program(sbatch / "bin/squeue", "#!/bin/sh\necho 101_1; echo 103_1; echo 99_0\n")
    paths.GRID_FINISHED.mkdir()
    (paths.GRID_FINISHED / "embed@a").touch()
    (sbatch / "scripts").unlink()
    slurm.submit(STAGES, PENDING[:-1], lambda _: (), None, (), False)
    scripts = (sbatch / "scripts").read_text()
    assert [x for x in scripts.splitlines() if x.startswith("names")] == [
        "names=(grid@x-a)", "names=(grid@x-b)", "names=(collect)"
    ]  # fmt: skip
    calls = (sbatch / "calls").read_text().splitlines()[4:]
    assert "--dependency" not in calls[0] and "--dependency=afterok:101_1" in calls[1]
    recorded = read_json(paths.GRID_SUBMITTED)
    assert recorded["last"] == ["compare"] and recorded["tasks"] == {
        "embed@a": "101_0", "embed@b": "101_1", "grid@y-b": "103_1",
        "grid@x-a": "105_0", "grid@x-b": "106_0",
    }  # fmt: skip
    assert (paths.GRID_FINISHED / "embed@a").exists()


def test_a_dry_run_submits_nothing(sbatch, capsys):
    submit(dry_run=True)
    printed = capsys.readouterr().out
    assert "--dependency=afterok:JOB0_1" in printed and "names=(grid@x-b grid@y-b)" in printed
    assert sorted(p.name for p in sbatch.iterdir()) == ["bin"]


def test_no_sbatch_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StudyError, match="cluster's login node"):
        submit()


def test_a_name_and_a_path_are_words_and_nothing_more(tmp_path, monkeypatch):
    """The script, run by bash as SLURM would, with a program of an ugly name in Python's place."""
    name = "grid@a b $(touch harm) `touch harm` ; touch harm '\""
    folder = tmp_path / "it's $(touch harm) & more"
    folder.mkdir()
    python = program(folder / "python", '#!/bin/sh\nprintf "%s\\n" "$@"\n')
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.chdir(tmp_path)
    paths.GRID_LOGS.mkdir(parents=True)
    subprocess.run(
        ["bash"],
        input=slurm.script("module", ["other", name]),
        env={"PATH": os.environ["PATH"], "SLURM_ARRAY_TASK_ID": "1"},
        text=True,
        check=True,
    )
    log = paths.GRID_LOGS / f"{name}.log"
    assert log.read_text(encoding="utf-8") == f"-m\nmodule\n{name}\n"
    assert not list(tmp_path.rglob("harm"))


def test_threads_are_one_number_for_all_tasks(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert "OMP_NUM_THREADS=7\n" in slurm.script("m", [])
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert "OMP_NUM_THREADS=1\n" in slurm.script("m", [])


@pytest.fixture
def demo(monkeypatch):
    """The committed study, whose runs have been measured."""
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return load_params()


def asked(needs, name: str) -> dict[str, str]:
    """What sbatch is asked for, by option."""
    run = name.partition("@")[2] if name.startswith(("grid", "sweep")) else None
    return dict(option[2:].split("=", 1) for option in needs(Stage(name, run, (), True)))


def test_measured_runs_ask_for_what_they_took(demo):
    needs = resources.resources(demo)
    cell = asked(needs, "grid@naml-minilm-frozen-clean-s1")
    # Seconds and some 1.3 GiB: one step of each.
    assert cell == {"cpus-per-task": "1", "time": "30", "mem": "4G"}
    assert asked(needs, "prepare").keys() == {"cpus-per-task"}
    assert asked(needs, "audit@words").keys() == {"cpus-per-task", "mem"}
    assert {"time", "mem"} <= asked(needs, "adapt@smollm2-lora").keys()
    assert {"time", "mem"} <= asked(needs, "embed-adapted@smollm2-lora").keys()
    assert {"time", "mem"} <= asked(needs, "sweep@naml-minilm-finetuned-k4-clean-s1").keys()


def test_a_profile_of_mind_asks_for_gpus_and_three_times_the_estimate(demo):
    from replication.report.expected import expected_rows

    params = replace(demo, profile="mind-small", data=replace(demo.data, release="small"))
    rows = {(row.kind, row.name): row.estimate for row in expected_rows(params)}
    needs = resources.resources(params)
    estimate = rows["grid", "naml-minilm-finetuned-clean"]
    cell = asked(needs, "grid@naml-minilm-finetuned-clean-s1")
    assert cell["gres"] == "gpu:1"
    assert 0 <= int(cell["time"]) - (10 + 3 * estimate.seconds / 60) < 30
    assert 0 <= int(cell["mem"][:-1]) - 1.5 * (estimate.memory / 2**30 + 2) < 4


def test_a_stage_of_several_processes_has_a_gpu_for_each_and_one_node(demo):
    def launched(**how):
        launch = replace(demo.training.launch, **how)
        training = replace(demo.training, launch=launch)
        data = replace(demo.data, release="small")
        return resources.resources(replace(demo, training=training, data=data))

    cell = asked(launched(processes=2), "audit@words")
    assert cell["gres"] == "gpu:2" and cell["cpus-per-task"] == "4"
    with pytest.raises(StudyError, match=r"training\.launch\.nodes: 3"):
        launched(nodes=3)


def test_every_long_stage_is_kept_in_dvcs_cache_of_runs():
    """DVC leaves out a stage that has an output which it does not cache, but for metrics, plots."""
    from dvc.repo import Repo

    quick = {"check", "code-encoders", "code-runs", "compare", "questions", "report",
             "inventory"}  # fmt: skip
    with Repo(str(ROOT)) as repo:
        left_out = {
            stage.name.partition("@")[0]
            for stage in repo.index.stages
            if any(not (o.use_cache or o.is_metric or o.is_plot) for o in stage.outs)
        }
    assert left_out == quick
