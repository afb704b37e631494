import shutil
from pathlib import Path

import pytest
import small

from replication.encoders.lora.adapt import adapt
from replication.encoders.sources.checkpoints import fetch_checkpoint
from replication.study.settings import Params


@pytest.fixture(scope="session")
def folders(tmp_path_factory) -> dict[str, Path]:
    """Folders with one tiny checkpoint each."""
    made = {}
    for kind in ("bert", "roberta", "llama", "glove"):
        made[kind] = tmp_path_factory.mktemp("checkpoints") / kind
        getattr(small, f"write_{kind}")(made[kind])
    return made


@pytest.fixture
def params(folders, tmp_path, monkeypatch) -> Params:
    """The parameters of a tiny project, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    return small.write_project(folders)


@pytest.fixture(scope="session")
def finished_adapter(folders, tmp_path_factory):
    """A tiny project with its adapter: folder and parameters."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("adapted")
        patch.chdir(folder)
        params = small.write_project(folders)
        small.write_clicks()
        fetch_checkpoint("llama", params)
        adapt("llama-lora", params)
    return folder, params


@pytest.fixture
def adapted(finished_adapter, monkeypatch):
    """The parameters of the finished project, which is the working directory: to be read only."""
    monkeypatch.chdir(finished_adapter[0])
    return finished_adapter[1]


@pytest.fixture
def adapted_copy(finished_adapter, tmp_path, monkeypatch):
    """The parameters of a copy of it."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(finished_adapter[0], tmp_path, dirs_exist_ok=True)
    return finished_adapter[1]
