"""Commands as a user types them, in the environment that runs the tests."""

import os
import subprocess
import sys
from pathlib import Path


def shell(folder: Path, *command: str, succeed: bool = True) -> str:
    """Run a command of the environment that runs the tests; its output, errors included."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    identity = {f"GIT_{who}_{what}": "tests@example.org" for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")}  # fmt: skip
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **identity, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert (done.returncode == 0) == succeed, done.stdout
    return done.stdout
