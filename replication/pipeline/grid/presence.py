"""What a killed grid has left running, which the next one waits for.

A grid holds a lock on one file while it lives. What it starts holds another, on its log, which it
inherits, as all that it starts in turn: the last of them to end lets go. Where no grid lives, and a
log is held, there is something left. (Python does not inherit files; standard output it does.)
"""

import fcntl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import IOBase

from replication.study import paths

_SELF = ".running"


@contextmanager
def present() -> Iterator[None]:
    """Be a grid of this project, once all has ended that one left which was killed."""
    paths.GRID_LOGS.mkdir(parents=True, exist_ok=True)
    with (paths.GRID_LOGS / _SELF).open("ab") as own:
        if _lock(own):  # no other grid lives
            _wait()
        fcntl.flock(own, fcntl.LOCK_SH)
        yield


def mark(log: IOBase) -> None:
    """Hold `log` for whoever inherits it."""
    _lock(log)


def _wait() -> None:
    told = False
    for log in sorted(paths.GRID_LOGS.glob("*.log")):
        with log.open("ab") as file:
            while not _lock(file):
                if not told:
                    print(f"grid: waits for what one that was killed began: {log}", file=sys.stderr)
                told = True
                time.sleep(0.1)


def _lock(file: IOBase) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
