"""Project folders that several files of this folder look at."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from trees import TREES


@pytest.fixture(scope="session")
def made_trees(tmp_path_factory) -> Callable[[str], Path]:
    """The folder of a state, made once; tests must not change it."""
    folders: dict[str, Path] = {}

    def made(state: str) -> Path:
        if state not in folders:
            folders[state] = tmp_path_factory.mktemp(state)
            TREES[state](folders[state])
        return folders[state]

    return made


@pytest.fixture
def inside(made_trees, monkeypatch) -> Callable[[str], Path]:
    """Go into the folder of a state."""

    def enter(state: str) -> Path:
        monkeypatch.chdir(made_trees(state))
        return made_trees(state)

    return enter


@pytest.fixture
def own_tree(tmp_path, made_trees, monkeypatch) -> Callable[[str], Path]:
    """A copy of a state's folder that a test may change; it becomes the working directory."""

    def make(state: str) -> Path:
        shutil.copytree(made_trees(state), tmp_path / state)
        monkeypatch.chdir(tmp_path / state)
        return tmp_path / state

    return make
