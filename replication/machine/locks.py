"""What several stages may want at the same time is made by one of them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from replication.machine import processes
from replication.study import paths

POLL = 60.0  # seconds: well within the patience of processes that wait for each other


@contextmanager
def alone(name: str, waiting: str) -> Iterator[None]:
    """No other stage is at what is called `name`. Of the processes of this one, which all have to
    call this, the first holds the lock, and all go on when it does.

    waiting: what is told where it has to be waited for
    """
    lock = None
    if processes.is_first():
        paths.LOCKS.mkdir(parents=True, exist_ok=True)
        lock = FileLock(paths.LOCKS / f"{name}.lock")
    if not _held(lock, 0):
        if lock:
            print(waiting, file=sys.stderr, flush=True)
        while not _held(lock, POLL):
            pass
    try:
        yield
    finally:
        if lock:
            lock.release()


def _held(lock: FileLock | None, patience: float) -> bool:
    """Whether the first process has got it within so many seconds; told to all of them."""
    held = True
    try:
        if lock:
            lock.acquire(timeout=patience)
    except Timeout:
        held = False
    return bool(processes.agreed(held))
