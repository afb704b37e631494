"""python -m replication.pipeline.grid.cell COMMAND ...: a command that ends with its starter.

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

from replication.pipeline.dvc_process import end_group


def main(command: list[str]) -> int:
    """Run the command; its exit status."""
    signal.signal(signal.SIGINT, lambda *_: None)  # not ignored, for children inherit that
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    stopped = threading.Event()
    threading.Thread(target=_follow, args=(stopped,), daemon=True).start()
    status = process.wait()
    if status < 0 or stopped.is_set():  # what it started may still be there
        os.killpg(0, signal.SIGKILL)
    return status


def _follow(stopped: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    stopped.set()
    end_group(0, _slept)


def _slept(seconds: float) -> bool:
    """Never ended: whoever still waits is of the group himself."""
    time.sleep(seconds)
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
