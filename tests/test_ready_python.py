"""What stands in for new interpreters does what they do."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import ready_python

PACKAGE = """
import os, sys
from pathlib import Path
print(sys.argv[1:], Path.cwd().name, os.environ.get("SAID"), __name__, sys.path[0] == os.getcwd())
print("an error", file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with a package of the study's name, which is not the study's."""
    (tmp_path / "replication").mkdir()
    (tmp_path / "replication/__main__.py").write_text(PACKAGE, encoding="utf-8")
    return tmp_path


def test_a_command_runs_in_its_folder_with_its_code_words_and_environment(folder):
    both = [
        subprocess.run(
            [python, "-m", "replication", "3", "two words"],
            cwd=folder,
            env={"PATH": ready_python.path(), "SAID": "this"},
            capture_output=True,
            text=True,
        )
        for python in (sys.executable, ready_python.python())
    ]
    assert (both[1].returncode, both[1].stdout, both[1].stderr) == (
        both[0].returncode,
        both[0].stdout,
        both[0].stderr,
    )
    assert both[1].returncode == 3 and "two words" in both[1].stdout


def test_what_is_no_command_of_the_study_is_left_to_python():
    done = subprocess.run([ready_python.python(), "-V"], capture_output=True, text=True)
    assert done.stdout.split() == ["Python", sys.version.split()[0]]


@pytest.mark.parametrize("how", ["kill", "terminate"])
def test_it_ends_with_its_client(tmp_path, how):
    code = "import os, sys, time; print(os.getpid(), flush=True); time.sleep(60)"
    process = subprocess.Popen(
        [ready_python.python(), "-c", code], stdout=subprocess.PIPE, text=True
    )
    child = int(process.stdout.readline())
    getattr(process, how)()
    assert process.wait(30) != 0
    ends = time.monotonic() + 30
    while psutil.pid_exists(child):
        assert time.monotonic() < ends
        time.sleep(0.01)
