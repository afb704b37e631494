"""A folder with the study's configuration and nothing else: no data, no reports."""

import contextlib
import shutil
from functools import cache
from pathlib import Path

import pytest

from replication.pipeline.plan.plan import plan
from replication.pipeline.plan.stages import study

ROOT = Path(__file__).parents[3]


def copy_configuration(folder: Path) -> Path:
    shutil.copytree(ROOT / "conf", folder / "conf")
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="session")
def configuration(tmp_path_factory) -> Path:
    return copy_configuration(tmp_path_factory.mktemp("planning"))


@pytest.fixture(scope="session")
def planned():
    """`plan`, remembered: a plan of the same folder is the same."""
    return cache(plan)


@pytest.fixture(scope="session")
def studied(configuration):
    """`study` in that folder, remembered."""

    @cache
    def found(profile: str, name: str):
        with contextlib.chdir(configuration):
            return study(profile, name)

    return found


@pytest.fixture
def bare(configuration, planned, monkeypatch):
    """`plan` in that folder."""
    monkeypatch.chdir(configuration)
    return planned


@pytest.fixture
def own(tmp_path, monkeypatch) -> Path:
    """Such a folder for one test alone, to write to."""
    monkeypatch.chdir(copy_configuration(tmp_path))
    return tmp_path
