"""Git repositories that tests make, by the commands of the environment that runs them."""

import os
import subprocess
import sys
from pathlib import Path


def shell(*command: str, input: bytes | None = None) -> str:
    """The output of a command of the environment that runs the tests."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    identity = {f"GIT_{who}_{what}": "tests@example.org" for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")}  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, input=input, env={**os.environ, **identity, "PATH": path}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip()
