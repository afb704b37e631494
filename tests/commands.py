"""Commands as a user types them, in the environment that runs the tests."""

import os
import subprocess
import sys
from pathlib import Path


def environ() -> dict[str, str]:
    """That of the tests, where their own Python and its commands are the first to be found."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    identity = {f"GIT_{who}_{what}": "tests@example.org" for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")}  # fmt: skip
    return {**os.environ, **identity, "PATH": path}


def shell(folder: Path, *command: str, succeed: bool = True) -> str:
    """Run a command of the environment that runs the tests; its output, errors included."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert (done.returncode == 0) == succeed, done.stdout
    return done.stdout
