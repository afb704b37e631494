"""Every malformed input: one line that names the place, status 1, and nothing left behind.

The cases are data, in the modules beside this one. Each is run by the command line's own function
in a project of its own.
"""

import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import ready_python
from contents import content
from spoiled import CASES

from replication.__main__ import main

ROOT = Path(__file__).parents[2]
READS = {
    "check": ["conf"],
    "prepare": ["conf", "params.yaml", "data/raw"],
    "data": ["conf", "params.yaml", "data/raw", "zips", "pins.yaml"],
    "checkpoint": ["conf", "params.yaml", "bert", "data/prepared"],
    "embed": ["conf", "params.yaml", "checkpoints", "data/prepared"],
    "run": ["conf", "params.yaml", "checkpoints", "data/prepared", "embeddings"],
    "compare": ["conf", "params.yaml", "claims.yaml", "cross_checks.yaml", "values.csv"],
    "paper": ["values.csv"],
}
QUICK = ("prepare", "check", "score", "checkpoint", "embed", "baselines")  # read no copy of ours
SAMPLE = [case for case in CASES if case.command[0] in QUICK][::50]


def line_of(errors: str, case) -> str:
    """The one line; what it must hold is in it."""
    assert errors.count("\n") == 1 and errors.endswith("\n"), errors
    assert errors.startswith("error: "), errors
    line = errors.removeprefix("error: ").rstrip("\n")
    assert line.isprintable() and "Traceback" not in line
    for word in case.told:
        assert word in line, line
    return line


@pytest.fixture
def scratch(case, tmp_path, monkeypatch, spoilable, own_data_files) -> Path:
    """What the command reads of a project of its own."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in READS.get(case.command[0], ()):
        if name == "conf":  # which no case spoils
            (folder / name).symlink_to(spoilable / name)
        elif (spoilable / name).is_dir():
            shutil.copytree(spoilable / name, folder / name)
        else:
            shutil.copy(spoilable / name, folder / name)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=str(case), marks=[pytest.mark.slow] * case.twin) for case in CASES],
)
def test_a_malformed_input_is_told_in_one_line(case, scratch, one_command_line, capfd):
    case.spoil()
    before = content(scratch)
    capfd.readouterr()
    status = main(case.command)
    errors = capfd.readouterr().err
    assert status == 1, errors
    line_of(errors, case)
    assert content(scratch) == before


def test_there_are_enough_of_them_and_each_is_another():
    names = Counter(case.name for case in CASES)
    assert len(CASES) >= 200 and names.most_common(1)[0][1] == 1


@pytest.mark.slow
@pytest.mark.parametrize("case", SAMPLE, ids=str)
def test_the_same_in_a_process_of_its_own(case, scratch):
    case.spoil()
    before = content(scratch)
    command = [ready_python.python(), "-m", "replication", *case.command]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    assert done.returncode == 1
    line_of(done.stderr, case)
    assert content(scratch) == before
