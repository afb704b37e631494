"""python -m replication.pipeline.grid.cell MODULE ...: a Python module that ends with its starter.

Whoever starts it makes it the leader of a session and holds the other end of its standard input.
When that ends, as it does however the starter dies, or when the command is killed, everything in
the session is ended: no training goes on unseen, and holds a GPU that the next start wants.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from replication.pipeline.dvc_process import end_group
from replication.pipeline.grid.warm import handed_over


def main(module: str, *words: str) -> int:
    """Run `python -m` MODULE with these words; the exit status."""
    signal.signal(signal.SIGINT, lambda *_: None)  # not ignored, for children inherit that
    starter, stopped = os.dup(0), threading.Event()
    with Path(os.devnull).open("rb") as nothing:  # for whatever runs the module
        os.dup2(nothing.fileno(), 0)
    threading.Thread(target=_follow, args=(starter, stopped), daemon=True).start()
    status = handed_over(module, words)
    if status is None:
        status = subprocess.Popen([sys.executable, "-m", module, *words]).wait()
    if status < 0 or stopped.is_set():  # what it started may still be there
        os.killpg(0, signal.SIGKILL)
    return status


def _follow(starter: int, stopped: threading.Event) -> None:
    while os.read(starter, 1):
        pass
    stopped.set()
    end_group(0, _slept)


def _slept(seconds: float) -> bool:
    """Never ended: whoever still waits is of the group himself."""
    time.sleep(seconds)
    return False


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
