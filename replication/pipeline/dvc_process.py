"""DVC as a process that can be ended together with all that it started."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_PATIENCE = 20  # seconds that stages have to end after an interrupt


def dvc(*arguments: str) -> list[str]:
    """The command line of this environment's DVC."""
    return [sys.executable, "-m", "dvc", *arguments]


def stage_environment(**more: str) -> dict[str, str]:
    """Variables under which a stage's `python` is the one that runs now, and `more`."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {**os.environ, "PATH": path, **more}


def status_of(process: subprocess.Popen) -> int:
    """Wait for a process that leads its session: its exit status. An interrupt meanwhile ends it,
    and is passed on."""
    try:
        return process.wait()
    except BaseException:
        end(process)
        raise


def end(process: subprocess.Popen) -> None:
    """End a process that leads its session, and all that it started: an interrupt, then a kill."""

    def ended(seconds: float) -> bool:
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        return process.returncode is not None

    end_group(process.pid, ended)


def end_group(group: int, ended: Callable[[float], bool]) -> None:
    """End a group of processes, 0 being one's own: an interrupt, then a kill, unless `ended`, which
    waits for so many seconds at most, tells that it has come to its end."""
    for how in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(group, how)
        if ended(_PATIENCE):
            return
