"""Stand-in studies: one that a serial `dvc repro` has made, and new ones."""

import shutil

import pytest
from stand_in_study import results, run, write_stand_in


@pytest.fixture
def study(tmp_path):
    """A new study, of which nothing has run."""
    return write_stand_in(tmp_path / "study")


@pytest.fixture(scope="session")
def serial(tmp_path_factory) -> dict[str, bytes]:
    """What a serial `dvc repro` makes of it."""
    folder = write_stand_in(tmp_path_factory.mktemp("serial") / "study")
    run(folder, "dvc", "repro")
    return results(folder)


@pytest.fixture(scope="session")
def upstream(tmp_path_factory):
    """One in which all has run that a cell with static vectors needs."""
    folder = write_stand_in(tmp_path_factory.mktemp("upstream") / "study")
    run(folder, "dvc", "repro", "embed@static")
    (folder / "control/ran").unlink()
    return folder


@pytest.fixture
def begun(upstream, tmp_path):
    """A copy of that."""
    return shutil.copytree(upstream, tmp_path / "study", symlinks=True)
