"""Write files and folders so that a reader never sees half of one."""

import errno
import json
import os
import platform
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from replication.files.errors import StudyError

_DAY = 24 * 3600  # seconds
_KEY = ".key"
_ROOM = "make room, then run the same command again"
_RIGHTS = "make it writable, then run the same command again"
_REFUSALS = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _ROOM),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), _RIGHTS),
}


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; it becomes `path` only if the block succeeds.

    Errors: `StudyError` where the disk is full or may not be written to.
    """
    with _refusals_told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in _abandoned(path):
            _remove(left)
        temporary = _temporary(path)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path, key: str | None = None) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`; it replaces `path` if the block succeeds.

    key   what the content depends on, where the block can go on with half of it: what an attempt
          under the same key left is then yielded instead of an empty folder. Files whose names
          begin with a dot are notes of how far it is: where there are some, a folder whose block
          fails is kept. They do not become part of `path`.
    Errors: `StudyError` where the disk is full or may not be written to.
    """
    with _refusals_told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _temporary(path)
        for left in _abandoned(path):
            if key is not None and _key_of(left) == key:
                with suppress(OSError):  # another process was faster, or there is one already
                    left.replace(temporary)
                    continue
            _remove(left)
        if not temporary.exists():
            temporary.mkdir()
        try:
            if key is not None:
                (temporary / _KEY).write_text(key, encoding="utf-8")
            yield temporary
            for note in _notes(temporary, key):
                note.unlink()
            _swap(temporary, path)
        finally:
            if all(note.name == _KEY for note in _notes(temporary, key)):
                _remove(temporary)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with Unix line ends."""
    with new_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write strict JSON (no NaN, no infinity), indented, keys in the order given."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _notes(folder: Path, key: str | None) -> list[Path]:
    return [] if key is None else list(folder.glob(".*"))


def _temporary(path: Path, mark: str = "") -> Path:
    return path.with_name(f".{path.name}{mark}.{platform.node()}-{os.getpid()}.tmp")


def _swap(temporary: Path, path: Path) -> None:
    """The folder `temporary` becomes `path`, and what was there is removed once out of sight."""
    old = _temporary(path, ".old")
    if path.exists():
        path.replace(old)
    temporary.replace(path)
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _abandoned(path: Path) -> list[Path]:
    """Temporary files and folders of `path` that no other process is at work on."""
    name = re.compile(rf"\.{re.escape(path.name)}(\.old)?\.(?P<host>.*)-(?P<pid>\d+)\.tmp")
    found = ((name.fullmatch(p.name), p) for p in path.parent.iterdir())
    return [p for match, p in found if match and not _at_work(match["host"], match["pid"], p)]


def _at_work(host: str, pid: str, temporary: Path) -> bool:
    """Of another machine's process (or another container's) it is known when it wrote last."""
    try:
        if host != platform.node():
            files = [temporary, *temporary.rglob("*")]
            return time.time() - max(p.lstat().st_mtime for p in files) < _DAY
        if int(pid) == os.getpid():
            return False
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:  # the process is somebody else's, or has just removed a file
        return True
    return True


def _key_of(folder: Path) -> str | None:
    try:
        return (folder / _KEY).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


@contextmanager
def _refusals_told(path: Path) -> Iterator[None]:
    """A `StudyError` for a disk that refuses to write `path`, whatever a library makes of that."""
    try:
        yield
    except StudyError:
        raise
    except Exception as error:
        number = _error_number(error)
        inside = str(path.parent) in str(getattr(error, "filename", None) or path.parent)
        if number not in _REFUSALS or (_REFUSALS[number] == _RIGHTS and not inside):
            raise
        shown = re.sub(r"\.([^/]+)\.[^/]*-\d+\.tmp\b", r"\1", str(path))
        raise StudyError(f"{shown}: {os.strerror(number)}; {_REFUSALS[number]}") from None


def _error_number(error: Exception) -> int | None:
    """errno, of an exception of Python, of a library written in Rust, or of NumPy."""
    if number := getattr(error, "errno", None):
        return number
    if found := re.search(r"\(os error (\d+)\)", str(error)):
        return int(found[1])
    short = re.fullmatch(r"\d+ requested and \d+ written", str(error))
    return errno.ENOSPC if short else None
