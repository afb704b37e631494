"""What of the project gets into an image, and under which repository."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from replication.machine.git import git_commit

ROOT = Path(__file__).parents[2]


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=tests", "-c", "user.email=tests@example.org"]
    done = subprocess.run(
        ["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def tracked() -> set[str]:
    """Top-level names that git tracks."""
    return {name.split("/")[0] for name in git(ROOT, "ls-files").splitlines()}


def test_the_context_is_what_git_tracks():
    """An allowlist: data that lie in the project's folder stay out. A name that git tracks and that
    is left out would be missing from the container's clean tree."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] != "#"]
    assert lines[0] == "*"
    allowed = [re.compile(line[1:].replace(".", r"\.").replace("*", ".*")) for line in lines
               if line.startswith("!")]  # fmt: skip
    names = tracked()
    assert {name for name in names if not any(a.fullmatch(name) for a in allowed)} == set()
    extra = {p.name for p in ROOT.iterdir() if any(a.fullmatch(p.name) for a in allowed)}
    assert extra <= names | {".git"}


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", (ROOT / "Dockerfile").read_text()))
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def test_the_base_is_an_argument_and_pinned_by_date():
    default = dict(instructions())
    assert instructions()[0][0] == "ARG"
    assert re.fullmatch(r"BASE=debian:bookworm-\d{8}-slim", instructions()[0][1])
    assert {value.split()[0] for name, value in instructions() if name == "FROM"} == {
        "${BASE}", "system",
    }  # fmt: skip
    assert default["ENTRYPOINT"].endswith('"/study/docker/entrypoint.py"]')


def test_libraries_are_installed_by_the_lock_and_before_the_code():
    steps = instructions()
    installs = [step for step in steps if "pip install" in step[1]]
    assert len(installs) == 1
    for command in installs[0][1].split("&&"):
        words = shlex.split(command)
        if words[:2] == ["pip", "install"]:
            assert "--constraint" in words or "requirements-files.lock" in words
            assert "--no-cache-dir" in words
    last = max(i for i, step in enumerate(steps) if step[0] == "FROM")
    names = [step[1] for step in steps[last:]]
    assert names.index(installs[0][1]) < names.index("--from=files /study /study")


def test_the_dockerfile_names_no_host_and_no_secret():
    text = (ROOT / "Dockerfile").read_text()
    assert "://" not in text
    assert "TOKEN" not in text
    assert "ADD " not in text


# ---------------------------------------------------------------- its repository


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "study"
    (folder / "replication").mkdir(parents=True)
    (folder / "replication/code.py").write_text("one")
    return folder


def make_repository(folder: Path, revision: str = "") -> subprocess.CompletedProcess:
    command = ["sh", str(ROOT / "docker/repository"), str(folder), revision]
    return subprocess.run(command, capture_output=True, text=True)


def two_commits(folder: Path) -> str:
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    git(folder, "branch", "unpublished")
    git(folder, "remote", "add", "origin", "https://name:secret@example.org/study")
    (folder / "replication/code.py").write_text("two")
    git(folder, "commit", "-q", "-a", "-m", "second")
    return git(folder, "rev-parse", "HEAD")


def test_the_true_commit_is_kept_and_nothing_beside_it(files, monkeypatch):
    commit = two_commits(files)
    assert make_repository(files).returncode == 0
    monkeypatch.chdir(files)
    assert git_commit() == {"commit": commit, "changed": False}
    assert git(files, "log", "--all", "--format=%s") == "second"
    assert "secret" not in (files / ".git/config").read_text()
    assert git(files, "status", "--porcelain") == ""
    git(files, "commit", "-q", "--allow-empty", "-m", "an experiment")


def test_files_that_differ_from_the_commit_are_known_to(files, monkeypatch):
    commit = two_commits(files)
    (files / "replication/code.py").write_text("three")
    make_repository(files)
    monkeypatch.chdir(files)
    assert git_commit() == {"commit": commit, "changed": True}


def test_a_stated_revision_must_be_that_of_the_repository(files):
    commit = two_commits(files)
    assert "error: REVISION=" in make_repository(files, "0" * 40).stderr
    assert make_repository(files, commit[:12]).returncode == 0


@pytest.mark.parametrize(("revision", "recorded"), [("a" * 40, "a" * 40), ("", None)])
def test_files_alone_get_a_commit_that_is_not_recorded(files, monkeypatch, revision, recorded):
    (files / ".git").write_text("gitdir: /nowhere/.git/worktrees/study\n")  # of a git worktree
    assert make_repository(files, revision).returncode == 0
    monkeypatch.chdir(files)
    found = git_commit()
    assert (found["commit"], found["changed"]) == (recorded, False)
    assert "as stated" in found["reason"]
    assert git(files, "status", "--porcelain") == ""
