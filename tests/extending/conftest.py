"""A project to extend, and lists of choices that are as before after each test."""

import json
import shutil
from pathlib import Path

import pytest

from replication.files.documents import read_yaml
from replication.study import registry


@pytest.fixture(autouse=True)
def lists(monkeypatch):
    """Copies of the lists: what a test adds is gone after it."""
    for kind in vars(registry).values():
        if isinstance(kind, registry.Lines):
            monkeypatch.setattr(kind, "data", dict(kind.data))


@pytest.fixture
def own_project(project_folder, tmp_path, monkeypatch) -> Path:
    """A copy of the tiny project that a test may change; it becomes the working directory."""
    folder = shutil.copytree(project_folder, tmp_path / "own", symlinks=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def edit():
    """Change params.yaml of the working directory by a function of its content."""

    def changed(change) -> None:
        values = read_yaml(Path("params.yaml"))
        change(values)
        Path("params.yaml").write_text(json.dumps(values), encoding="utf-8")  # JSON is YAML

    return changed
