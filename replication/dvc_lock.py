"""Mend dvc.lock, which DVC writes in place: a DVC that is killed meanwhile leaves half of it."""

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
