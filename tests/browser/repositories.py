"""Git repositories that tests make, by the commands of the environment that runs them."""

import os
import subprocess

import ready_python


def shell(*command: str, input: bytes | None = None) -> str:
    """The output of a command of the environment that runs the tests."""
    identity = {f"GIT_{who}_{what}": "tests@example.org" for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")}  # fmt: skip
    done = subprocess.run(
        command,
        capture_output=True,
        input=input,
        env={**os.environ, **identity, "PATH": ready_python.path()},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip()
