"""`python -m replication` and `dvc` for tests, without the seconds of import before each.

They are forked from a process that has the libraries imported (`ready_server`), one for all workers
of pytest. What a test is about start-up, threads, signals to a group of processes or other seeds of
Python's hashes takes `sys.executable`, a new interpreter.
"""

import atexit
import functools
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
_SHARED = "READY_PYTHON"  # variable that names the folder to processes started after `share`


def share() -> None:
    """Start the server for this process and all that it starts."""
    os.environ[_SHARED] = str(programs())


@functools.cache
def programs() -> Path:
    """The folder of such a `python` and `dvc`; the first call starts the server."""
    if _SHARED in os.environ:
        return Path(os.environ[_SHARED])
    folder = Path(tempfile.mkdtemp(prefix="ready-"))  # a socket's path may have 107 characters
    address, real = folder / "socket", Path(sys.executable)
    server = subprocess.Popen(
        [real, HERE / "ready_server.py", address],
        stdin=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    atexit.register(_end, server, folder)
    (folder / "bin").mkdir()
    for name in ("python", "dvc"):
        words = [real, "-I", "-S", HERE / "ready_client.py", name, real.with_name(name), address]
        path = folder / "bin" / name
        path.write_text(f'#!/bin/sh\nexec {shlex.join(map(str, words))} "$@"\n', encoding="utf-8")
        path.chmod(0o755)
    while not address.exists():
        time.sleep(0.01)
        if server.poll() is not None:
            raise RuntimeError("ready_server did not start")
    return folder / "bin"


def _end(server: subprocess.Popen, folder: Path) -> None:
    server.stdin.close()
    server.wait()
    shutil.rmtree(folder)


def python() -> str:
    """In place of `sys.executable`."""
    return str(programs() / "python")


def path() -> str:
    """A PATH for commands and the stages that they start: those first, then ours."""
    ours = Path(sys.executable).parent
    return os.pathsep.join([str(programs()), str(ours), os.environ["PATH"]])
