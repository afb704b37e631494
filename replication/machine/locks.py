"""What several stages may want at the same time is made by one of them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from replication.machine import processes
from replication.study import paths


@contextmanager
def alone(name: str, waiting: str) -> Iterator[None]:
    """No other stage is at what is called `name`; of the processes of this one, the first holds
    the lock.

    waiting: what is told where it has to be waited for
    """
    if not processes.is_first():
        yield
        return
    paths.LOCKS.mkdir(parents=True, exist_ok=True)
    lock = FileLock(paths.LOCKS / f"{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(waiting, file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
