"""DVC's locks, held as DVC holds them, and its processes in a project."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replication.files.errors import StudyError, one_line

if TYPE_CHECKING:
    import psutil

PATIENCE = 30  # seconds; a grid that was killed ends what it began within 20
_LONGEST = 80  # characters of a command that a message shows


@contextmanager
def held(lock: Path) -> Iterator[None]:
    """Hold a lock of DVC's: an flock on a file that then has the holder's number in it, or what the
    project's `core.hardlink_lock` makes of it.

    A holder is waited for. Errors: `StudyError` that names it where it does not let go.
    """
    from dvc.lock import LockError, make_lock

    lock.parent.mkdir(parents=True, exist_ok=True)
    home = next(path for path in lock.parents if path.name == ".dvc")
    hard = settings(home)["core"].get("hardlink_lock", False)
    guard = make_lock(str(lock), tmp_dir=str(lock.parent), hardlink_lock=hard)
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            guard.lock()  # waits for some seconds itself
            break
        except LockError:
            if time.monotonic() > ends:
                raise StudyError(
                    f"{lock}: {_holder(lock)} holds it; wait for it or end it, then run the same "
                    "command again"
                ) from None
    try:
        yield
    finally:
        guard.unlock()


def settings(home: Path) -> Mapping[str, Any]:
    """DVC's settings for the project whose .dvc is `home`."""
    from dvc.config import Config
    from dvc.exceptions import DvcException

    try:
        return Config(str(home))
    except DvcException as error:
        raise StudyError(one_line(str(error))) from None


def _holder(lock: Path) -> str:
    import psutil

    number = lock.read_text(encoding="utf-8", errors="replace").strip()
    try:
        words = _words(psutil.Process(int(number)))
        return _named(["dvc", *_arguments(words)] if _is_dvc(words) else words, int(number))
    except (ValueError, psutil.Error):
        return "a process on this machine or another"


def at_work(folder: Path) -> str | None:
    """A DVC that runs in the project at `folder` (not in a copy inside it), in words."""
    import psutil

    here = folder.resolve()
    for process in psutil.process_iter():
        try:
            words = _words(process)
            if _is_dvc(words) and _project(Path(process.cwd())) == here:
                return _named(["dvc", *_arguments(words)], process.pid)
        except (psutil.Error, OSError):  # it has ended, or is somebody else's
            continue
    return None


def _named(words: list[str], number: int) -> str:
    told = one_line(" ".join(words))
    return f"`{told if len(told) <= _LONGEST else told[:_LONGEST] + '...'}` (process {number})"


def _words(process: "psutil.Process") -> list[str]:
    """What was typed; of a DVC that was forked (`grid.warm`) its name alone."""
    words = process.cmdline()
    return words if _is_dvc(words) or process.name() != "dvc" else ["dvc"]


def _is_dvc(words: list[str]) -> bool:
    return any(Path(word).name == "dvc" for word in words[:4])


def _arguments(words: list[str]) -> list[str]:
    at = next(i for i, word in enumerate(words) if Path(word).name == "dvc")
    return words[at + 1 :]


def _project(folder: Path) -> Path | None:
    return next((path for path in (folder, *folder.parents) if (path / ".dvc").is_dir()), None)
