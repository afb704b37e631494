"""The command line: one line and a status for an error, files only when whole."""

import json
import sys
from pathlib import Path

import pytest

from replication.__main__ import main
from replication.files.errors import StudyError

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


def test_the_command_line_starts_without_torch(monkeypatch):
    """`score` and `check` answer at once: torch and transformers are imported where needed."""
    import subprocess

    code = "import sys, replication.__main__; sys.exit('torch' in sys.modules)"
    root = Path(__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0
