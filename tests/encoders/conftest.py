import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import small
from fetched import OUT

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


@pytest.fixture(scope="session")
def written_project(folders, tmp_path_factory) -> tuple[Path, Params]:
    """A tiny project, of which tests get copies, and its parameters."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("written")
        patch.chdir(folder)
        return folder, small.write_project(folders)


@pytest.fixture
def params(written_project, tmp_path, monkeypatch) -> Params:
    """The parameters of a tiny project, which is the working directory."""
    folder, params = written_project
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return params


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


@pytest.fixture
def source(folders, tmp_path) -> Path:
    """A copy of the tiny BERT, to be spoiled, beside files that are not wanted."""
    folder = tmp_path / "source"
    shutil.copytree(folders["bert"], folder)
    for name in ("pytorch_model.bin", "modeling.py", "training_args.bin", "README.md"):
        (folder / name).write_bytes(b"not wanted")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.safetensors").write_bytes(b"not wanted")
    return folder


@pytest.fixture
def package(folders, tmp_path, monkeypatch) -> str:
    """An installed package that carries the tiny BERT in a subfolder."""
    root = tmp_path / "site" / "tiny_bert_files"
    shutil.copytree(folders["bert"], root / "model")
    (root / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(root.parent))
    yield "tiny_bert_files/model"
    sys.modules.pop("tiny_bert_files", None)


@pytest.fixture
def filled() -> Callable[[], None]:
    """Puts something in the way, which a failure must leave alone."""

    def fill() -> None:
        OUT.mkdir(parents=True)
        (OUT / "kept").write_text("of before", encoding="utf-8")

    return fill
