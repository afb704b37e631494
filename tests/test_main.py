"""The command line: one line and a status for an error, files only when whole."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import PlainSerializer, TypeAdapter

from replication.__main__ import main
from replication.files.errors import StudyError

ROOT = Path(__file__).parents[1]
BEHAVIORS = "1\tU1\t11/15/2019 9:00:00 AM\tN1\tN1-0 N2-1 N3-0\n"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("behaviors.tsv").write_text(BEHAVIORS, encoding="utf-8")


def score(lines: str, *options: str) -> int:
    Path("prediction.txt").write_text(lines, encoding="utf-8")
    files = ["--behaviors", "behaviors.tsv", "--predictions", "prediction.txt"]
    return main(["score", *files, *options])


def test_score_prints_json_with_the_official_metrics(capsys):
    assert score("1 [2,1,3]\n", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["auc"], result["mrr"], result["reading"]) == (1.0, 1.0, "ranks")


def test_score_prints_a_table(capsys):
    assert score("1 [0.1, 0.9, 0.95]\n") == 0
    printed = capsys.readouterr().out
    assert "0.5000" in printed  # one of two negatives is above the click
    assert "scores" in printed


def test_an_error_is_one_line_and_status_1(capsys):
    assert score("1 [1,2]\n") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: prediction.txt, line 1")
    assert captured.err.count("\n") == 1


def test_debug_shows_the_traceback():
    with pytest.raises(StudyError):
        main(["--debug", "prepare"])


def test_outside_the_project_the_message_says_where_to_run(capsys):
    assert main(["prepare"]) == 1
    assert "params.yaml: no such file; run from the project's folder" in capsys.readouterr().err


def test_a_missing_file_is_an_error_of_one_line(capsys):
    assert main(["score", "--behaviors", "none.tsv", "--predictions", "none.txt"]) == 1
    assert capsys.readouterr().err.startswith("error: none.tsv")


def test_ctrl_c_says_how_to_go_on(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("replication.evaluation.predictions.score_predictions", interrupted)
    assert score("1 [2,1,3]\n") == 130
    assert "run the same command again" in capsys.readouterr().err


def test_ctrl_c_in_code_that_a_library_calls_back_says_how_to_go_on(monkeypatch, capsys):
    def interrupted(value):
        raise KeyboardInterrupt

    def serialized(*_):
        TypeAdapter(Annotated[int, PlainSerializer(interrupted)]).dump_python(1)

    monkeypatch.setattr("replication.evaluation.predictions.score_predictions", serialized)
    assert score("1 [2,1,3]\n") == 130
    assert capsys.readouterr().err == "interrupted; run the same command again to go on\n"


def test_a_full_disk_is_told_though_it_be_met_after_ctrl_c(monkeypatch, capsys):
    def stopped(*_):
        try:
            raise KeyboardInterrupt
        finally:
            raise OSError(28, "No space left on device", "prediction.txt")

    monkeypatch.setattr("replication.evaluation.predictions.score_predictions", stopped)
    assert score("1 [2,1,3]\n") == 1
    assert capsys.readouterr().err == "error: prediction.txt: No space left on device\n"


def test_an_error_whose_causes_go_in_a_circle_is_a_fault_like_any_other(monkeypatch):
    def circular(*_):
        first, second = ValueError("first"), KeyError("second")
        first.__cause__, second.__context__ = second, first
        raise first

    monkeypatch.setattr("replication.evaluation.predictions.score_predictions", circular)
    with pytest.raises(ValueError, match="first"):
        score("1 [2,1,3]\n")


def test_the_command_line_starts_without_torch_and_polars():
    """`score` and `check` answer at once: what is slow to import is imported where needed."""
    code = "import sys, replication.__main__; print({'torch', 'polars'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


def bare(folder: Path, *command: str) -> subprocess.CompletedProcess:
    """`python -m replication` in a Python without packages, as DVC starts it in no environment."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    python = [sys.executable, "-S", "-m", "replication"]
    return subprocess.run(
        [*python, *command], cwd=folder, env=environ, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    "command",
    ["check", "run x", "code runs", "inventory", "show", "plan", "mend", "verify", "grid --jobs 1"],
)
def test_a_python_without_the_packages_is_told_in_one_line(tmp_path, command):
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    done = bare(tmp_path, *command.split())
    assert done.returncode == 1 and not done.stdout
    assert re.fullmatch(
        r"error: [a-z_]+ is not installed for the Python that runs this, \S+: activate the "
        r"environment \(`\. \.venv/bin/activate`\), or use `make repro`\n",
        done.stderr,
    ), done.stderr


def test_a_module_of_ours_that_is_missing_is_no_matter_of_the_environment(monkeypatch):
    def broken(*_):
        raise ModuleNotFoundError("No module named 'replication.none'", name="replication.none")

    monkeypatch.setattr("replication.evaluation.predictions.score_predictions", broken)
    with pytest.raises(ModuleNotFoundError):
        score("1 [2,1,3]\n")
