"""What an editor or a file browser leaves in a folder makes no stage stale and breaks none."""

import json
import shutil
from pathlib import Path

import pytest
from dvc.repo import Repo

from replication.machine import environment
from replication.pipeline.code import write_code
from replication.pipeline.verify.scratch import write_copy
from replication.study.checks import known_protocols

ROOT = Path(__file__).parents[2]
PIPELINE = """stages:
  code-a:
    cmd: "true"
    deps: [code]
  make:
    cmd: mkdir -p data/raw checkpoints/a && echo 1 > data/raw/x && echo 1 > checkpoints/a/x
    deps: [code, code/a.py]
    outs: [data/raw, checkpoints/a]
  use:
    cmd: ls data/raw checkpoints > used
    deps: [data/raw, checkpoints]
    outs: [used]
"""


def leave(folder: Path) -> None:
    for name in (".DS_Store", "a.py~", ".a.py.swp", "._a.py", "#a.py#", "._a.yaml", "Thumbs.db"):
        (folder / name).write_text("left")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints/a.py").write_text("left")
    (folder / ".#a.py").symlink_to("user@host.123:456")


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").write_text(PIPELINE, encoding="utf-8")
    shutil.copy(ROOT / ".dvcignore", ".")
    Path("code").mkdir()
    Path("code/a.py").write_text("1")
    Repo.init(str(tmp_path), no_scm=True).close()
    return tmp_path


def test_no_stage_becomes_stale(project):
    with Repo() as repo:
        repo.reproduce()
    write_code("a")
    before = json.loads(Path("cache/code/a.json").read_bytes())
    for folder in ("code", "data/raw", "data", "checkpoints", "checkpoints/a"):
        leave(Path(folder))
    with Repo() as repo:
        assert repo.status() == {}
        assert repo.reproduce() == []
    write_code("a")
    assert json.loads(Path("cache/code/a.json").read_bytes()) == before
    assert list(before) == ["code/a.py"]
    with Repo() as repo:  # nor is a stage that is made again stopped by what lies in its output
        repo.reproduce("make", force=True)
        assert repo.status() == {}


def test_the_package_is_read_without_them(tmp_path, monkeypatch):
    """Its digest, the names of protocols, and a copy of the study."""
    project = tmp_path / "project"
    for name in ("replication", "conf"):
        shutil.copytree(
            ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__", "demo")
        )
    for name in ("dvc.yaml", "params.yaml", ".dvcignore", ".dvc/config"):
        (project / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, project / name)
    monkeypatch.chdir(project)
    monkeypatch.setattr(environment, "PACKAGE", project / "replication")
    digest, protocols = environment.code_digest.__wrapped__(), known_protocols()
    for folder in ("replication", "replication/study", "conf", "conf/protocol"):
        leave(project / folder)
    assert environment.code_digest.__wrapped__() == digest
    assert known_protocols() == protocols == ["clean", "released"]
    write_copy(project, tmp_path / "copy")
    copied = {p.name for p in (tmp_path / "copy").rglob("*")}
    assert "clean.yaml" in copied and not copied & {".DS_Store", ".#a.py", "a.py~"}
