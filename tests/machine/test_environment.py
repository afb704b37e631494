"""What names a result: the code that makes it and the machine, and nothing beside these."""

import shutil

import pytest

from replication.encoders.models import states
from replication.machine import environment

ADAPTED = (*environment.ENCODERS, "encoders/lora")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package, which can be edited."""
    folder = tmp_path / "replication"
    shutil.copytree(environment.PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(environment, "PACKAGE", folder)
    monkeypatch.setattr(environment, "code_digest", environment.code_digest.__wrapped__)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("made_by", "edited", "another"),
    [
        (environment.RUNS, "encoders/lora/questions.py", False),
        (environment.RUNS, "mind/demo/grammar.py", False),
        (environment.RUNS, "evaluation/predictions.py", False),
        (environment.RUNS, "experiment/audit.py", False),
        (environment.RUNS, "training/loop.py", True),
        (environment.RUNS, "experiment/run.py", True),
        (environment.ENCODERS, "training/loop.py", False),
        (environment.ENCODERS, "encoders/models/states.py", True),
        (ADAPTED, "recommenders/nrms.py", False),
        (ADAPTED, "encoders/lora/questions.py", True),
        (states._MADE_BY, "encoders/lora/questions.py", False),
        (states._MADE_BY, "encoders/tokens.py", True),
    ],
)
def test_an_edit_changes_the_key_of_what_the_code_makes(package, made_by, edited, another):
    before = environment.result_key(made_by)
    with (package / edited).open("a", encoding="utf-8") as file:
        file.write("# a comment\n")
    assert (environment.result_key(made_by) != before) == another


@pytest.mark.parametrize(
    ("name", "value", "another"),
    [("cores", 77, False), ("memory_gib", 0.5, False), ("processor", "another", True)],
)
def test_a_twin_of_the_machine_has_the_same_key(monkeypatch, name, value, another):
    before = environment.result_key(environment.RUNS)
    found = environment.hardware()
    assert name in found
    monkeypatch.setattr(environment, "hardware", lambda: found | {name: value})
    assert (environment.result_key(environment.RUNS) != before) == another
