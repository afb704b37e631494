"""The study as its user runs it: DVC stages in a git clone, shrunk to minutes' fractions."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import environ, shell

from replication.files.digest import sha256
from replication.files.documents import read_yaml
from replication.study import paths

ROOT = Path(__file__).parents[1]
SHRUNK = [
    "data.articles=300",
    "data.train_users=150",
    "data.test_users=60",
    "data.train_impressions=300",
    "data.test_impressions=120",
    "evaluation.bootstrap_samples=200",
    "grid.recommenders=[nrms]",
    "grid.encoders=[static]",
    "grid.tunings=[frozen]",
    "grid.llms=[smollm2,smollm2-lora]",
    *(f"training.{s}.max_steps=2" for s in ("frozen", "tuned_words", "tuned_layers")),
    *(f"training.{s}.batch_size=16" for s in ("frozen", "tuned_words", "tuned_layers")),
    "encoders.smollm2.layers=1",
    "encoder=minilm-l3",
    "finetune_layers=1",
    "~encoders.minilm",
    "~paper.bert-base",
    "grid.also.recommenders=[nrms]",
    "grid.also.encoders=[static]",
    "grid.also.tunings=[frozen]",
    "grid.also.llms=[]",
    "sweep.encoder=minilm-l3",
    "sweep.layers=[k0]",
    "audit.max_steps=2",
    "~audit.pairs.words",
    "audit.pairs.llm.recommender=nrms",
    "adapters.smollm2-lora.max_steps=2",
    "adapters.smollm2-lora.judged=8",
]


def stages_run(output: str) -> list[str]:
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A git repository with the project's files, shrunk, committed and run once."""
    folder = tmp_path_factory.mktemp("study")
    for name in ("replication", "conf", ".dvc", "dvc.yaml", "params.yaml", ".dvcignore",
                 ".gitignore"):  # fmt: skip
        source = ROOT / name
        ignored = shutil.ignore_patterns("__pycache__", "cache", "tmp", "config.local")
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder)
    shell(folder, "git", "init", "-q", "-b", "main")
    shell(folder, sys.executable, "-m", "replication", "compose", *SHRUNK)
    shell(folder, "git", "add", "-A")
    shell(folder, "git", "commit", "-q", "-m", "study")
    output = shell(folder, "dvc", "repro")
    shell(folder, "git", "add", "-A")
    shell(folder, "git", "commit", "-q", "-m", "results")
    return folder, output


@pytest.mark.slow
def test_repro_ends_with_a_report(study):
    folder, output = study
    ran = stages_run(output)
    assert ran[0] == "check"
    assert ran[-1] == "inventory"
    assert {
        "grid@nrms-static-frozen-clean-s1", "grid-llm@nrms-smollm2-frozen-clean-s1",
        "adapt@smollm2-lora", "embed-adapted@smollm2-lora",
        "grid-llm@nrms-smollm2-lora-frozen-clean-s1",
        "also@nrms-static-frozen-released-s1",
        "sweep@nrms-minilm-l3-finetuned-k0-clean-s1", "audit@llm", "compare",
    } <= set(ran)  # fmt: skip
    shown = shell(folder, sys.executable, "-m", "replication", "show")
    assert "SmolLM2" in shown
    assert "not run" not in shown
    assert str(folder / "reports/REPORT.md") in shown
    assert "Demo data: not evidence about the paper." in (folder / "reports/REPORT.md").read_text(
        encoding="utf-8"
    )
    for name in ("tables/results.csv", "tables/results.tex", "tables/audit.md",
                 "figures/auc.svg", "figures/sweep-dark.png"):  # fmt: skip
        assert (folder / "reports" / name).stat().st_size > 100


@pytest.mark.slow
def test_repro_takes_the_inventory_of_all_that_it_made(study):
    """The stage reads dvc.lock, which is written during the same repro, up to the stage before."""
    folder, _ = study
    rows = json.loads((folder / paths.INVENTORY).read_text(encoding="utf-8"))["artefacts"]
    lock = read_yaml(folder / "dvc.lock")["stages"]
    made = {out["path"] for stage in lock.values() for out in stage["outs"]}
    left_out = {
        path for path in made - {row["path"] for row in rows}
        if not any(row["path"].startswith(f"{path}/") for row in rows)
    }  # fmt: skip
    unlisted = (
        paths.SETTINGS,
        paths.SOURCE.parent,
        paths.BESIDE,
        paths.CODE / "encoders.json",
        paths.CODE / "runs.json",
        paths.INVENTORY,
    )
    assert left_out == {path.as_posix() for path in unlisted}
    for row in rows:
        if row["kept"] == "dvc":
            out = next(o for o in lock[row["stage"]]["outs"] if o["path"] == row["path"])
            assert (row["digest"], row["bytes"]) == (f"md5:{out['md5']}", out["size"])
        else:
            assert row["digest"] == f"sha256:{sha256(folder / row['path'])}"


@pytest.mark.slow
def test_a_second_repro_runs_nothing(study):
    assert not stages_run(shell(study[0], "dvc", "repro"))


def started(folder: Path, *command: str) -> subprocess.Popen:
    """A DVC at work, as a process group of its own."""
    return subprocess.Popen(
        ["dvc", *command], cwd=folder, env=environ(new=True), start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


AGAIN = ("repro", "--force", "--single-item", "experiment")  # although it was run


@pytest.mark.slow
def test_a_repro_killed_with_dvc_itself_goes_on(study):
    folder, _ = study
    metrics = folder / "reports/experiment/metrics.json"
    expected = metrics.read_bytes()
    for seconds in (1, 3, 5, 7, 9):
        process = started(folder, *AGAIN)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if metrics.exists():
            assert metrics.read_bytes() == expected
        shell(folder, sys.executable, "-m", "replication", "mend")
        read_yaml(folder / "dvc.lock")
    shell(folder, "dvc", "repro")
    assert metrics.read_bytes() == expected
    assert not stages_run(shell(folder, "dvc", "repro"))


@pytest.mark.slow
def test_of_two_repros_at_once_one_says_that_it_must_wait(study):
    folder, _ = study
    expected = (folder / "reports/experiment/metrics.json").read_bytes()
    both = [started(folder, *AGAIN), started(folder, *AGAIN)]
    printed = [process.communicate()[0] for process in both]
    failed = [said for said, process in zip(printed, both, strict=True) if process.returncode]
    assert len(failed) == 1
    assert "is busy, it is being blocked by" in failed[0]
    assert (folder / "reports/experiment/metrics.json").read_bytes() == expected
    assert stages_run(shell(folder, "dvc", "repro")) == ["inventory"]  # its cost is another
    shell(folder, "git", "reset", "-q", "--hard")


@pytest.mark.slow
def test_an_experiment_reruns_only_itself_and_is_listed(study):
    folder, _ = study
    before = json.loads((folder / "reports/experiment/run.json").read_text(encoding="utf-8"))
    overrides = [arg for item in [*SHRUNK, "finetune_layers=2"] for arg in ("-S", item)]
    output = shell(folder, "dvc", "exp", "run", "-n", "deeper", *overrides)
    assert stages_run(output) == ["check", "experiment", "inventory"]
    after = json.loads((folder / "reports/experiment/run.json").read_text(encoding="utf-8"))
    assert before["id"] == "nrms-minilm-l3-finetuned-clean-s1"
    assert after["id"] == "nrms-minilm-l3-finetuned-k2-clean-s1"
    shown = shell(folder, "dvc", "exp", "show", "--csv")
    assert "deeper" in shown
    assert "finetune_layers" in shown.splitlines()[0]
    released = [arg for item in [*SHRUNK, "protocol=released"] for arg in ("-S", item)]
    shell(folder, "dvc", "exp", "run", *released)
    after = json.loads((folder / "reports/experiment/run.json").read_text(encoding="utf-8"))
    assert after["id"] == "nrms-minilm-l3-finetuned-released-s1"


@pytest.mark.slow
def test_a_killed_experiment_is_run_by_the_same_command(study):
    folder, _ = study
    overrides = [arg for item in [*SHRUNK, "finetune_layers=3"] for arg in ("-S", item)]
    killed = started(folder, "exp", "run", *overrides)
    for line in killed.stdout:
        if "Running stage 'experiment'" in line:
            break
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    shell(folder, sys.executable, "-m", "replication", "mend")
    shell(folder, "dvc", "exp", "run", *overrides)
    after = json.loads((folder / "reports/experiment/run.json").read_text(encoding="utf-8"))
    assert after["id"] == "nrms-minilm-l3-finetuned-k3-clean-s1"
    shell(folder, "git", "reset", "-q", "--hard")


@pytest.mark.slow
def test_a_folder_of_ones_own_goes_through_the_same_stages(study, tmp_path):
    folder, _ = study
    for split in ("train", "dev"):
        shutil.copytree(folder / "data/raw" / split, tmp_path / split)
    overrides = [item for item in SHRUNK if not item.startswith("data.")]
    overrides += ["profile=local", f"data.path={tmp_path}", "model.filters=30"]
    arguments = [arg for item in overrides for arg in ("-S", item)]
    shell(folder, "dvc", "exp", "run", *arguments)
    report = (folder / "reports/REPORT.md").read_text(encoding="utf-8")
    assert "Profile `local`" in report
    assert "Demo data" not in report
    assert "the true click probabilities of real data are not known" in report
    shutil.rmtree(tmp_path / "dev")
    output = shell(folder, "dvc", "exp", "run", *arguments, succeed=False)
    assert f"data.path: {tmp_path}/dev/news.tsv: no such file" in output
    shell(folder, "git", "reset", "-q", "--hard")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("finetune_layers=4", ["finetune_layers", "0 to 3"]),
        ("encoder=bert", ["encoder", "'bert'", "static, minilm-l3, smollm2"]),
        ("grid.recommenders=[]", ["grid.recommenders", "empty"]),
        ("finetune_layer=1", ["finetune_layer"]),
    ],
)
def test_a_bad_parameter_stops_before_any_work(study, override, words):
    folder, _ = study
    overrides = [arg for item in [*SHRUNK, override] for arg in ("-S", item)]
    output = shell(folder, "dvc", "exp", "run", *overrides, succeed=False)
    assert set(stages_run(output)) <= {"check"}
    for word in words:
        assert word in output
    shell(folder, "git", "checkout", "-q", "--", "params.yaml")


def test_every_stage_of_dvc_yaml_is_a_command_of_the_package():
    from replication.__main__ import parser

    commands = set(next(a for a in parser()._actions if a.choices).choices)
    stages = read_yaml(ROOT / "dvc.yaml")["stages"]
    for stage in stages.values():
        command = stage.get("do", stage)["cmd"].split()
        assert command[:3] == ["python", "-m", "replication"]
        assert command[3] in commands
