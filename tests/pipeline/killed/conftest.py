"""A project of two stages under DVC and git, and new copies of it."""

import contextlib
import shutil
import subprocess

import pytest
from small_project import PIPELINE, dvc

from replication.pipeline import dvc_state


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A project of two stages, which has been run and committed, and an experiment besides."""
    folder = tmp_path_factory.mktemp("finished") / "project"
    folder.mkdir()
    with contextlib.chdir(folder):
        (folder / "params.yaml").write_text("a: 1\n", encoding="utf-8")
        (folder / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", "init", "-q"], check=True)
        dvc("init", "-q")
        dvc("config", "core.analytics", "false")
        dvc("repro")
        subprocess.run(["git", "add", "-A"], check=True)
        subprocess.run(["git", *who, "commit", "-qm", "all"], check=True)
    return folder


@pytest.fixture
def project(finished, tmp_path, monkeypatch):
    folder = shutil.copytree(finished, tmp_path / "project")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    monkeypatch.setattr(dvc_state, "_STILL", 0.2)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@example.org")
    return folder
