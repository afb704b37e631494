"""The commit of a run is the study's own, or null with the reason in words."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from replication.browser.content.provenance import commit as shown
from replication.machine.git import git_commit
from replication.pipeline.dvc_lock import mend_lock, unstage

ROOT = Path(__file__).parents[2]
OWN = {"commit": None, "changed": None}


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    done = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def committed(folder: Path) -> str:
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "all")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def around(tmp_path, monkeypatch):
    """The folder around the study's, which is the working directory; neither is a repository."""
    study = tmp_path / "around/study"
    (study / "replication").mkdir(parents=True)
    (study / "replication/a.py").write_text("a = 1\n")
    (study / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "around/other").write_text("other\n")
    shutil.copy(ROOT / "Makefile", study)
    monkeypatch.chdir(study)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "MAKEFLAGS", "MAKELEVEL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "around"


def make(**environment: str) -> subprocess.CompletedProcess:
    who = {f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER")
           for what in ("NAME", "EMAIL")}  # fmt: skip
    command = ["make", "--silent", ".git"]
    return subprocess.run(
        command, env={**os.environ, **who, **environment}, capture_output=True, text=True
    )


def test_the_repository_around_is_not_the_studys(around):
    committed(around)  # and tracks the study
    why = "the study lies in a folder of another repository, whose commit is not the study's"
    assert git_commit() == OWN | {"reason": why}
    assert shown() == f"unknown ({why})"


def test_a_repository_that_does_not_track_the_code_is_none(around):
    for name in ("replication", "dvc.yaml"):
        with (around / "study/.gitignore").open("a") as file:
            file.write(f"{name}\n")
    committed(around / "study")
    assert git_commit() == OWN | {"reason": "the repository does not track this code"}


@pytest.mark.parametrize("variable", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"])
def test_variables_of_git_name_no_other_repository(around, monkeypatch, variable):
    other = around / "hook"
    other.mkdir()
    (other / "dvc.yaml").write_text("stages: {a: 1}\n")
    foreign = committed(other)
    values = {
        "GIT_DIR": other / ".git", "GIT_WORK_TREE": other, "GIT_INDEX_FILE": other / ".git/index"
    }  # fmt: skip
    monkeypatch.setenv(variable, str(values[variable]))
    assert git_commit() == OWN | {"reason": "no git repository"}
    monkeypatch.delenv(variable)
    own = committed(around / "study")
    monkeypatch.setenv(variable, str(values[variable]))
    assert git_commit() == {"commit": own, "changed": False} and own != foreign
    assert shown() == own[:10]


def test_mend_reads_the_studys_own_repository(around, monkeypatch):
    lock = Path("dvc.lock")
    lock.write_text("schema: '2.0'\nstages: {}\n")
    (around / "hook").mkdir()
    (around / "hook/a").write_text("a")
    committed(around / "hook")
    committed(around / "study")
    monkeypatch.setenv("GIT_DIR", str(around / "hook/.git"))
    lock.write_text("schema: '2.0'\nsta")
    assert mend_lock() == "dvc.lock: was half written, and is again as it was committed"
    assert unstage(lock) is None


def test_a_repository_of_another_user_is_said_to_be_one(around):
    if os.geteuid():
        pytest.skip("gives the files away, which is root's to do")
    committed(around / "study")
    for path in (around / "study", around / "study/.git"):
        os.chown(path, 1234, 1234)
    found = git_commit()
    assert {key: found[key] for key in OWN} == OWN
    assert "belongs to another user" in found["reason"] and "safe.directory" in found["reason"]


def test_other_reasons_are_told(around, monkeypatch):
    assert git_commit() == OWN | {"reason": "no git repository"}
    git(around / "study", "init", "-q")
    assert git_commit() == OWN | {"reason": "the repository has no commit yet"}
    monkeypatch.setenv("PATH", str(around))
    assert git_commit() == OWN | {"reason": "git is not installed"}


# ---------------------------------------------------------------- make


def test_make_gives_files_alone_a_repository(around):
    done = make()
    assert done.returncode == 0 and not done.stdout, done
    assert git(around / "study", "show", "--name-only", "--format=%s").startswith("Unpacked from")


def test_make_takes_the_repository_around_that_tracks_the_study(around):
    commit = committed(around)
    done = make()
    assert done.returncode == 0 and not Path(".git").exists()
    assert done.stdout == "note: the study is part of a larger repository: runs record no commit\n"
    assert git(around, "rev-parse", "HEAD") == commit


def test_make_says_so_where_the_one_around_does_not_track_it(around):
    (around / ".gitignore").write_text("study\n")
    commit = committed(around)
    done = make()
    assert done.returncode == 0 and Path(".git").is_dir()
    assert done.stdout.startswith(f"note: in a folder of the repository {around}, which does not")
    assert (done.stdout.count("\n"), git(around, "rev-parse", "HEAD")) == (1, commit)


def test_make_writes_to_no_repository_that_a_variable_names(around):
    (around / "hook").mkdir()
    (around / "hook/a").write_text("a")
    foreign = committed(around / "hook")
    done = make(GIT_DIR=str(around / "hook/.git"))
    assert done.returncode == 0 and Path(".git").is_dir()
    assert git(around / "hook", "rev-parse", "HEAD") == foreign
    assert "other" not in git(around / "study", "ls-files")


def test_make_stops_where_git_refuses_the_one_around(around):
    if os.geteuid():
        pytest.skip("gives the files away, which is root's to do")
    committed(around)
    for path in (around, around / ".git"):
        os.chown(path, 1234, 1234)
    done = make()
    assert done.returncode and not Path(".git").exists()
    assert done.stderr.splitlines()[0].startswith("error: detected dubious ownership")
