from pathlib import Path

import pytest
import small

from replication.settings import Params


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
