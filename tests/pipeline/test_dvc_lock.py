"""A dvc.lock that DVC was killed over is put back; its stages are put in order."""

import os
import subprocess

import pytest

from replication.__main__ import main
from replication.pipeline.dvc_lock import mend_lock, order_lock

LOCK = """schema: '2.0'
stages:
  check:
    cmd: python -m replication check
    deps:
    - path: params.yaml
      hash: md5
      md5: 05ad9a1c4b61ee1b1a86bbd0b1aa3b30
      size: 3507
    outs:
    - path: cache/params.checked
      hash: md5
      md5: 32bd3a4cd4c1d21a6dba8cba9f7f7e2b
      size: 24
"""
OTHER = LOCK.replace("3507", "1")
HALF = OTHER[: OTHER.index("hash") + 2]


def git(*arguments: str) -> None:
    who = {f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER")
           for what in ("NAME", "EMAIL")}  # fmt: skip
    subprocess.run(["git", *arguments], check=True, env={**os.environ, **who})


@pytest.fixture
def lock(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "dvc.lock"


@pytest.fixture
def committed(lock):
    lock.write_text(LOCK, encoding="utf-8")
    git("init", "-q", "-b", "main")
    git("add", "dvc.lock")
    git("commit", "-q", "-m", "lock")
    return lock


def test_wherever_it_was_cut_dvc_can_read_it_afterwards(committed):
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from dvc.utils.serialize import load_yaml

    mended = 0
    for cut in range(len(OTHER)):
        committed.write_text(OTHER[:cut], encoding="utf-8")
        done = mend_lock()
        COMPILED_LOCKFILE_SCHEMA(load_yaml(committed))
        if done:
            assert "as it was committed" in done and committed.read_text() == LOCK
            mended += 1
        else:  # it ends where a stage or a size might
            assert committed.read_text() == OTHER[:cut]
    assert mended > len(OTHER) / 4


def test_without_a_committed_one_it_is_removed(lock):
    lock.write_text(HALF, encoding="utf-8")
    assert "removed" in mend_lock() and not lock.exists()
    assert mend_lock() is None


def test_a_whole_one_is_left_alone(committed, capsys):
    committed.write_text(OTHER, encoding="utf-8")
    assert main(["mend"]) == 0 and capsys.readouterr().out == ""
    assert committed.read_text() == OTHER
    committed.write_text(HALF, encoding="utf-8")
    assert main(["mend"]) == 0 and capsys.readouterr().out.count("\n") == 1
    assert committed.read_text() == LOCK


def with_stages(*names: str) -> str:
    head, _, stage = LOCK.partition("  check:\n")
    return head + "".join(f"  {name}:\n{stage}" for name in names)


@pytest.mark.parametrize(
    ("known", "expected"), [(None, "abcd"), ("cz", "czabd"), ("da", "dabc")]
)  # fmt: skip
def test_stages_are_in_the_order_of_a_serial_repro(lock, known, expected):
    """Those that were committed stay where they were, whatever the order in which others ended."""
    git("init", "-q", "-b", "main")
    if known:
        lock.write_text(with_stages(*known), encoding="utf-8")
        git("add", "dvc.lock")
        git("commit", "-q", "-m", "lock")
    (lock.parent / ".dvc").mkdir()
    (lock.parent / ".dvc/config").touch()
    lock.write_text(with_stages(*sorted(expected, reverse=True)), encoding="utf-8")
    order_lock(list("abcd"))
    assert lock.read_text(encoding="utf-8") == with_stages(*expected)


def test_what_an_experiment_staged_is_unstaged_and_no_other_file(committed, capsys):
    for name in ("params.yaml", "notes"):
        committed.with_name(name).write_text("a: 1\n", encoding="utf-8")
    git("add", "params.yaml", "notes")
    assert main(["mend"]) == 0
    assert capsys.readouterr().out == "params.yaml: no longer staged\n"
    status = subprocess.check_output(["git", "status", "--porcelain"], text=True)
    assert sorted(status.splitlines()) == ["?? params.yaml", "A  notes"]
