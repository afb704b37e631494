"""Mend what a DVC that was killed leaves: half a dvc.lock, or staged files of an experiment.

DVC writes dvc.lock in place. `dvc exp run -S` stages the parameters that it changes, and refuses to
start while they are staged.
"""

import subprocess
from pathlib import Path

from replication.atomic import new_file

LOCK = Path("dvc.lock")


def mend_lock(lock: Path = LOCK) -> str | None:
    """Where DVC could not read `lock`, put the committed one back, or none; returns what was done.

    Nothing that was finished is lost: DVC finds it in its cache of runs.
    """
    if not lock.exists() or _is_whole(lock):
        return None
    committed = subprocess.run(
        ["git", "show", f"HEAD:./{lock.name}"], cwd=lock.parent, capture_output=True
    )
    if committed.returncode:
        lock.unlink()
        return f"{lock}: was half written, and is removed"
    with new_file(lock) as temporary:
        temporary.write_bytes(committed.stdout)
    return f"{lock}: was half written, and is again as it was committed"


def unstage(*files: Path) -> str | None:
    """Take `files` out of git's index, as `git restore --staged` does; returns what was done.

    The files themselves stay as they are. Without a repository nothing is done.
    """
    names = [str(file) for file in files]
    listed = subprocess.run(
        ["git", "diff", "--cached", "--name-only", "--relative", "--", *names],
        capture_output=True,
        text=True,
    )
    staged = listed.stdout.splitlines()
    if listed.returncode or not staged:
        return None
    subprocess.run(["git", "reset", "--quiet", "--", *staged], check=True)
    return f"{', '.join(staged)}: no longer staged"


def _is_whole(lock: Path) -> bool:
    from dvc.exceptions import DvcException
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from dvc.utils.serialize import load_yaml
    from voluptuous import Invalid

    try:
        COMPILED_LOCKFILE_SCHEMA(load_yaml(lock))
    except (DvcException, Invalid):
        return False
    return True
