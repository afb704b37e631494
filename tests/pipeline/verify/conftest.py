"""A tiny study that DVC has run, and its rerun: made once, compared in many ways."""

import json
import shutil
from pathlib import Path

import pytest
from recorded_study import STAGES, command, repro, write_study


@pytest.fixture(scope="session")
def recorded(made_project, tmp_path_factory) -> Path:
    """A study with its results."""
    folder = tmp_path_factory.mktemp("recorded")
    write_study(made_project, folder)
    repro(folder, *STAGES, "experiment")
    return folder


@pytest.fixture(scope="session")
def verified(recorded, tmp_path_factory) -> tuple[dict, Path]:
    """What `verify` says of it, and the scratch folder that it has kept."""
    done = command(
        recorded, "replication", "verify", *STAGES, "experiment", "--keep", "--json",
        new=True, TMPDIR=str(tmp_path_factory.mktemp("scratch")),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    return found, Path(found["scratch"])


@pytest.fixture
def planted(recorded, tmp_path) -> Path:
    """A copy of the recorded study, in which a test plants a difference."""
    return shutil.copytree(recorded, tmp_path / "planted")
