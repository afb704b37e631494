"""A file or folder appears whole or not at all, and what a killed process leaves is removed."""

import errno
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest

from replication.files.atomic import new_file, new_folder, write_json, write_text
from replication.files.errors import StudyError

HERE = platform.node()


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@pytest.fixture(scope="module")
def dead() -> int:
    """The number of a process that has ended."""
    return int(subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                              capture_output=True, check=True).stdout)  # fmt: skip


def test_a_failed_block_leaves_what_was_there(tmp_path: Path):
    target = tmp_path / "a.txt"
    target.write_text("old", encoding="utf-8")
    with pytest.raises(RuntimeError), new_file(target) as temporary:
        temporary.write_text("half", encoding="utf-8")
        raise RuntimeError
    assert target.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failed_folder_leaves_what_was_there(tmp_path: Path):
    target = tmp_path / "out"
    with new_folder(target) as temporary:
        (temporary / "one").write_text("1", encoding="utf-8")
    with pytest.raises(RuntimeError), new_folder(target) as temporary:
        (temporary / "two").write_text("2", encoding="utf-8")
        raise RuntimeError
    assert names(target) == ["one"]
    with new_folder(target) as temporary:
        (temporary / "three").write_text("3", encoding="utf-8")
    assert names(target) == ["three"]
    assert list(tmp_path.iterdir()) == [target]


def test_json_refuses_what_is_no_number(tmp_path: Path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"auc": float("nan")})
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_replaced_is_never_seen_half_removed(tmp_path, monkeypatch):
    target, seen = tmp_path / "out", []
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: seen.append(names(target)))
    for name in "ab":
        with new_folder(target) as temporary:
            (temporary / name).write_text(name, encoding="utf-8")
    assert seen == [["b"]]  # the old one goes when the new one is there


# ---------------------------------------------------------------- leftovers


def test_what_dead_processes_left_is_removed_and_what_others_write_is_not(tmp_path, dead):
    alive = os.getppid()
    for name in ("out", "out.parquet"):
        for pid in (dead, os.getpid(), alive):
            (tmp_path / f".{name}.{HERE}-{pid}.tmp").mkdir()
            (tmp_path / f".{name}.old.{HERE}-{pid}.tmp").write_text("x", encoding="utf-8")
    with new_folder(tmp_path / "out") as temporary:
        assert not list(temporary.iterdir())
    write_text(tmp_path / "out.parquet", "x")
    kept = [f".{name}{mark}.{HERE}-{alive}.tmp" for name in ("out", "out.parquet")
            for mark in ("", ".old")]  # fmt: skip
    assert names(tmp_path) == sorted(["out", "out.parquet", *kept])


def test_another_machine_is_at_work_if_it_wrote_today(tmp_path, dead):
    folders = [tmp_path / f".out.elsewhere-{pid}.tmp" for pid in (1, dead)]
    for folder in folders:
        (folder / "in").mkdir(parents=True)
        (folder / "in" / "a").write_text("x", encoding="utf-8")
        past = time.time() - 2 * 24 * 3600
        for path in (folder / "in" / "a", folder / "in", folder):
            os.utime(path, (past, past))
    os.utime(folders[0] / "in" / "a")
    with new_folder(tmp_path / "out"):
        pass
    assert names(tmp_path) == sorted([folders[0].name, "out"])


def half(target: Path, key: str, count: str) -> None:
    with pytest.raises(KeyboardInterrupt), new_folder(target, key) as temporary:
        (temporary / "rows").write_text(count, encoding="utf-8")
        (temporary / ".done").write_text(count, encoding="utf-8")
        raise KeyboardInterrupt


def test_half_of_a_folder_is_taken_up_under_its_key(tmp_path, dead):
    target = tmp_path / "out"
    half(target, "a", "7")
    (left,) = tmp_path.iterdir()
    left.rename(tmp_path / f".out.{HERE}-{dead}.tmp")
    with new_folder(target, "a") as temporary:
        assert (temporary / "rows").read_text() == (temporary / ".done").read_text() == "7"
    assert names(tmp_path) == ["out"] and names(target) == ["rows"]
    half(target, "a", "8")
    for key in ("b", None):
        half(target, "a", "8")
        with new_folder(target, key) as temporary:
            assert not (temporary / "rows").exists()
        assert names(tmp_path) == ["out"] and names(target) == []


def test_without_notes_a_failed_attempt_is_not_kept(tmp_path):
    with pytest.raises(RuntimeError), new_folder(tmp_path / "out", "a") as temporary:
        (temporary / "rows").write_text("7", encoding="utf-8")
        raise RuntimeError
    assert names(tmp_path) == []


# ---------------------------------------------------------------- a disk that refuses


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError("1000 requested and 31 written"),  # NumPy
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
        OSError(errno.ENOSPC, "No space left on device", "/elsewhere/a", None, "/elsewhere/b"),
    ],
)
def test_a_full_disk_is_told_in_one_line(tmp_path, error):
    with pytest.raises(StudyError) as told, new_folder(tmp_path / "out") as temporary:
        write_text(temporary / "first", "x")
        with new_file(temporary / "rows.parquet"):
            raise error
    expected = f"{tmp_path}/out/rows.parquet: No space left on device; make room, then run the"
    assert str(told.value) == f"{expected} same command again"
    assert names(tmp_path) == []


def test_what_is_no_matter_of_the_disk_stays_what_it_is(tmp_path):
    for error in (FileNotFoundError(errno.ENOENT, "No such file", "in"), ValueError("7"),
                  PermissionError(errno.EACCES, "Permission denied", "/elsewhere/in")):  # fmt: skip
        with pytest.raises(type(error)) as raised, new_file(tmp_path / "out"):
            raise error
        assert raised.value is error
