"""Commands as a user types them, in the environment that runs the tests."""

import os
import subprocess
import sys
from pathlib import Path

import ready_python


def environ(new: bool = False) -> dict[str, str]:
    """That of the tests, where their own Python and its commands are the first to be found.

    new: as new interpreters, not those of `ready_python`; to kill them with all that they started
    """
    ours = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    path = ours if new else ready_python.path()
    identity = {f"GIT_{who}_{what}": "tests@example.org" for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")}  # fmt: skip
    return {**os.environ, **identity, "PATH": path}


def shell(folder: Path, *command: str, succeed: bool = True) -> str:
    """Run a command of the environment that runs the tests; its output, errors included."""
    done = subprocess.run(
        [ready_python.python() if word == sys.executable else word for word in command],
        cwd=folder,
        env=environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert (done.returncode == 0) == succeed, done.stdout
    return done.stdout
