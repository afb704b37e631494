"""Copies of the study know whose they are; results travel through a remote of DVC's."""

import os
import shutil
import subprocess

import pytest
from stand_in_study import ran, results, run, write_stand_in

from replication.machine.git import git_commit
from replication.pipeline.grid.copies import git_of


def git(folder, *arguments: str) -> str:
    who = {f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER")
           for what in ("NAME", "EMAIL")}  # fmt: skip
    done = subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True,
        env={**os.environ, **who},
    )  # fmt: skip
    return done.stdout.strip()


def test_a_run_in_a_copy_names_the_commit_and_whether_the_code_is_another(tmp_path, monkeypatch):
    project, folder = tmp_path / "project", tmp_path / "project/cache/grid/copies/x"
    (project / "replication").mkdir(parents=True)
    (project / "replication/a.py").write_text("a = 1\n")
    (project / "dvc.yaml").write_text("stages: {}\n")
    (project / "conf").mkdir()
    (project / "conf/b.yaml").write_text("b: 1\n")
    assert git_of(project) == {}  # no repository
    (project / ".gitignore").write_text("/cache/\n")
    git(project, "init", "-q", "-b", "main")
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "all")
    for name in ("replication", "conf"):
        shutil.copytree(project / name, folder / name)
    shutil.copy(project / "dvc.yaml", folder)
    monkeypatch.chdir(folder)
    for name, value in git_of(project).items():
        monkeypatch.setenv(name, value)
    commit = git(project, "rev-parse", "HEAD")
    assert git_commit() == {"commit": commit, "changed": False}
    (folder / "replication/a.py").write_text("a = 2\n")
    assert git_commit() == {"commit": commit, "changed": True}
    (folder / "replication/a.py").write_text("a = 1\n")
    assert git_commit() == {"commit": commit, "changed": False}
    assert git_of(project / "conf") == {}  # a repository around a project


@pytest.mark.slow
def test_results_come_home_through_git_and_a_remote(study, serial, tmp_path):
    """reports/ and dvc.lock as git carries them, the rest from the remote: nothing runs again."""
    home = write_stand_in(tmp_path / "home")
    remote = ("remote", "add", "--local", "--default", "shared", str(tmp_path / "remote"))
    run(study, "dvc", *remote)
    run(study, "dvc", "repro")
    run(study, "dvc", "push")
    shutil.copytree(study / "reports", home / "reports")
    shutil.copy(study / "dvc.lock", home)
    run(home, "dvc", *remote)
    run(home, "dvc", "pull")
    run(home, "replication", "grid", "--jobs", "2", "--only", "naml-minilm-frozen-*")
    run(home, "dvc", "repro")
    assert results(home) == serial and ran(home) == ["check"]
