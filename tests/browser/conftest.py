"""Project folders that several files of this folder look at."""

import contextlib
import functools
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from repositories import shell
from trees import TREES

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def main_module(monkeypatch) -> None:
    """An app under test takes the place of the main module, which processes that a later test
    starts would then run."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(scope="session", autouse=True)
def components() -> Iterator[None]:
    """Streamlit looks through all installed packages for components whenever an app is put under
    test, which takes longer than most apps: here once."""
    from streamlit.components.v2 import manifest_scanner

    with pytest.MonkeyPatch.context() as patch:
        found = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", found)
        yield


@pytest.fixture(scope="session")
def made_trees(tmp_path_factory, once) -> Callable[[str], Path]:
    """The folder of a state, made once; tests must not change it."""
    folders: dict[str, Path] = {}

    def made(state: str) -> Path:
        if state == "full":
            return once("study", TREES[state])
        if state not in folders:
            folders[state] = tmp_path_factory.mktemp(state)
            shutil.copytree(made("full"), folders[state], dirs_exist_ok=True)
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


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """An empty repository as working directory."""
    monkeypatch.chdir(tmp_path)
    shell("git", "init", "-q", "-b", "main")
    return tmp_path


@pytest.fixture(scope="session")
def reproduced(once) -> Path:
    """The small project, run by DVC."""

    def make(folder: Path) -> None:
        from dvc_project import write_project  # DVC takes long to import

        write_project(folder)
        with contextlib.chdir(folder):
            shell("dvc", "repro")

    return once("reproduced", make)


@pytest.fixture
def project(reproduced, tmp_path, monkeypatch):
    """A copy of it as working directory."""
    folder = tmp_path / "project"
    shutil.copytree(reproduced, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def committed(tmp_path, monkeypatch):
    """The committed parameters and data card, and no run."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / "reports").mkdir()
    shutil.copy(ROOT / "reports/data.json", tmp_path / "reports")
    monkeypatch.chdir(tmp_path)
