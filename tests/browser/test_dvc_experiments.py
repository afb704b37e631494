"""Experiments read by git: from refs made by hand, and from those that DVC itself leaves."""

import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from repositories import shell

from replication.browser.workspace import dvc_experiments
from replication.browser.workspace.dvc_experiments import read_dvc_experiments, rerun

ROOT = Path(__file__).parents[2]
BASE = "ab" + "0" * 38
MD5 = "0123456789abcdef0123456789abcdef"
LOCK = f"""schema: '2.0'
stages:
  data:
    outs:
    - path: runs/experiment.parquet.old
      hash: md5
      md5: {"f" * 32}
  experiment:
    params:
      params.yaml:
        sha256:
          md5: {"e" * 32}
    outs:
    - path: reports/experiment/run.json
      hash: md5
      md5: {"d" * 32}
    - path: runs/experiment.parquet
      hash: md5
      md5: {MD5}
      size: 5
"""


def commit(files: dict[str, bytes], seconds: int = 0) -> str:
    """A commit that holds these files, `seconds` after 1 January 2020, 00:00 UTC."""
    shell("git", "read-tree", "--empty")
    for path, content in files.items():
        digest = shell("git", "hash-object", "-w", "--stdin", input=content)
        shell("git", "update-index", "--add", "--cacheinfo", f"100644,{digest},{path}")
    text = (
        f"tree {shell('git', 'write-tree')}\nauthor A <a@b> 1 +0000\n"
        f"committer A 77 <a@b> {1577836800 + seconds} +0130\n\ncommitter <x> 5 +0000\n"
    )
    return shell("git", "hash-object", "-t", "commit", "-w", "--stdin", input=text.encode())


def ref(name: str, target: str, baseline: str = BASE) -> None:
    shell("git", "update-ref", f"refs/exps/{baseline[:2]}/{baseline[2:]}/{name}", target)


def test_what_a_commit_holds(repository):
    content = {
        "reports/experiment/metrics.json": b'{"auc": 0.5}\n\n',
        "reports/experiment/run.json": b"\x00\xff not JSON",
        "reports/experiment/cost.json": b"",
        "params.yaml": b"seed: 1\n",
        "dvc.lock": LOCK.encode(),
    }
    made = commit(content, seconds=60)
    ref("fair-haet", made)
    (found,) = read_dvc_experiments().found
    assert (found.name, found.commit, found.baseline) == ("fair-haet", made, BASE)
    assert found.created == datetime(2020, 1, 1, 0, 1, tzinfo=UTC)
    assert found.files == {
        "metrics.json": b'{"auc": 0.5}\n\n',
        "run.json": b"\x00\xff not JSON",
        "cost.json": b"",
        "params.yaml": b"seed: 1\n",
    }
    assert found.scores_md5 == MD5
    assert found.restore == "dvc exp apply fair-haet"


def test_notes_of_work_under_way_are_no_results(repository):
    made = commit({"params.yaml": b""})
    for name in ("exec/EXEC_HEAD", "stash", "apply/stash", "celery/stash", "celery/failed",
                 f"temp/{'0' * 40}", "apply/ORIG_HEAD", "ab/cd/short"):  # fmt: skip
        shell("git", "update-ref", f"refs/exps/{name}", made)
    assert read_dvc_experiments() == dvc_experiments.DvcExperiments()


def test_newest_first_and_what_is_new_is_seen(repository):
    for name, seconds in (("b", 20), ("c", 30), ("a", 10)):
        ref(name, commit({}, seconds))
    assert [each.name for each in read_dvc_experiments().found] == ["c", "b", "a"]
    ref("d", commit({}, 25))
    ref("c", commit({}, 5))
    assert [each.name for each in read_dvc_experiments().found] == ["d", "b", "a", "c"]
    shell("git", "pack-refs", "--all")
    assert [each.name for each in read_dvc_experiments().found] == ["d", "b", "a", "c"]


def test_where_nothing_is_new_git_is_asked_once(repository, monkeypatch):
    ref("a", commit({"params.yaml": b"1"}))
    first = read_dvc_experiments()
    asked = []
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: asked.append(a[0]) or run(*a, **k))
    assert read_dvc_experiments() == first
    assert [command[1] for command in asked] == ["for-each-ref"]


def test_nothing_is_written(repository):
    ref("a", commit({"params.yaml": b"profile: demo"}))

    def state():
        return {(p, p.stat().st_mtime_ns) for p in repository.rglob("*")}

    before = state()
    (found,) = read_dvc_experiments().found
    rerun(found)
    assert state() == before


def test_a_project_in_a_folder_of_a_repository(repository, monkeypatch):
    text = (ROOT / "params.yaml").read_bytes().replace(b"\nseed: 1\n", b"\nseed: 7\n", 1)
    conf = {
        f"study/{path.relative_to(ROOT)}": path.read_bytes()
        for path in (ROOT / "conf").rglob("*.yaml")
    }
    ref("a", commit({"study/params.yaml": text, "params.yaml": b"other"} | conf))
    Path("study").mkdir()
    monkeypatch.chdir("study")
    (found,) = read_dvc_experiments().found
    assert found.files == {"params.yaml": text}
    assert rerun(found) == "dvc exp run -S seed=7"


@pytest.mark.parametrize("name", ["$(touch${IFS}x)", "-rf", "a;b", "'", "é", "<b>"])
def test_names_are_text(repository, name):
    made = commit({})
    ref(name, made)
    (found,) = read_dvc_experiments().found
    assert found.name == name
    *command, target = shlex.split(found.restore)
    assert command == ["dvc", "exp", "apply"]
    assert target == (made if name.startswith("-") else found.name)


def test_a_name_that_two_experiments_have_restores_by_commit(repository):
    first, second = commit({}, 1), commit({}, 2)
    ref("same", first)
    ref("same", second, baseline="cd" + "1" * 38)
    ref("other", first)
    restored = {each.restore for each in read_dvc_experiments().found}
    assert restored == {f"dvc exp apply {x}" for x in (first, second, "other")}


@pytest.mark.parametrize("damage", [None, b"", b"not an object", b"x\x9c"])
def test_one_damaged_experiment_leaves_the_others(repository, damage):
    """Of its object nothing is left, or something that git cannot read."""
    for name, seconds in (("a", 1), ("b", 2), ("c", 3)):
        ref(name, commit({"params.yaml": name.encode()}, seconds))
    broken = commit({"params.yaml": b"2"}, 5)
    ref("broken", broken)
    path = repository / ".git/objects" / broken[:2] / broken[2:]
    path.unlink()
    if damage is not None:
        path.write_bytes(damage)
    *good, bad = read_dvc_experiments().found
    assert [(each.name, each.files["params.yaml"]) for each in good] == [
        ("c", b"c"), ("b", b"b"), ("a", b"a")
    ]  # fmt: skip
    assert (bad.name, bad.files, bad.created, bad.scores_md5) == ("broken", {}, None, None)
    assert rerun(bad) is None


def test_a_repository_that_git_refuses_is_told_in_gits_words(repository):
    (repository / ".git/config").write_text("[core\n")
    assert read_dvc_experiments().problem.startswith(
        "DVC experiments cannot be read (bad config line 1"
    )


@pytest.mark.parametrize(
    "lock",
    [
        b"", b"\xff\x00", b"stages: [", LOCK.encode().replace(MD5.encode(), b"../../etc/passwd"),
        LOCK.encode().replace(MD5.encode(), MD5.upper().encode()),
        b"    - path: runs/experiment.parquet\n",
        b"    - path: runs/experiment.parquet\n    - md5: 1",
        # the digest of the next entry is not this one's
        f"    - path: runs/experiment.parquet\n    - path: a\n      md5: {MD5}\n".encode(),
    ],
)  # fmt: skip
def test_a_lock_without_the_scores_gives_no_digest(repository, lock):
    ref("a", commit({"dvc.lock": lock}))
    assert read_dvc_experiments().found[0].scores_md5 is None


def test_without_git_it_says_so(repository, monkeypatch):
    monkeypatch.setenv("PATH", str(repository))
    assert read_dvc_experiments() == dvc_experiments.DvcExperiments(
        problem="no git here: DVC experiments cannot be read (git is not installed)"
    )


def test_outside_a_repository_it_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    problem = read_dvc_experiments().problem
    assert problem.startswith("no git here: DVC experiments cannot be read (not a git repository")
    assert "\n" not in problem


def test_a_git_that_hangs_is_left(repository, monkeypatch):
    slow = repository / "bin/git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(slow.parent))
    monkeypatch.setattr(dvc_experiments, "SECONDS", 0.1)
    assert "did not answer within 0.1 s" in read_dvc_experiments().problem
