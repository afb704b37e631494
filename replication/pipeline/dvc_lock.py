"""dvc.lock: mended where DVC was killed over it, in order after stages that ran at once.

DVC writes it in place. `dvc exp run -S` stages the parameters that it changes, and refuses to start
while they are staged.
"""

import subprocess
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from replication.files.atomic import new_file
from replication.files.errors import StudyError
from replication.machine.git import own_environment
from replication.pipeline.dvc_guard import held

LOCK = Path("dvc.lock")
_CONFLICT = (b"<<<<<<<", b"|||||||", b">>>>>>>")  # how git begins a line of one


def mend_lock(lock: Path = LOCK) -> str | None:
    """Where DVC could not read `lock`, put the committed one back, or none; returns what was done.

    Nothing that was finished is lost: DVC finds it in its cache of runs. A DVC that is writing the
    file is waited for. Errors: `StudyError` where git left a conflict: both sides stay as they are.
    """
    if not lock.exists() or _is_whole(lock):
        return None
    folder = lock.parent / ".dvc"
    with held(folder / "tmp/lock") if folder.is_dir() else nullcontext():
        if not lock.exists() or _is_whole(lock):
            return None
        _refuse(lock)
        committed = _committed(lock)
        if committed is None:
            lock.unlink()
            return f"{lock}: was half written, and is removed"
        with new_file(lock) as temporary:
            temporary.write_bytes(committed)
        return f"{lock}: was half written, and is again as it was committed"


def _refuse(lock: Path) -> None:
    if lock.is_dir():
        raise StudyError(f"{lock}: is a folder; move it away")
    for number, line in enumerate(lock.read_bytes().splitlines(), 1):
        if line.startswith(_CONFLICT):
            raise StudyError(
                f"{lock}: line {number}: holds a conflict that git left; keep one side (`git "
                f"checkout --ours {lock}`, or --theirs), then `dvc repro` runs what is missing"
            )


def _committed(lock: Path) -> bytes | None:
    done = subprocess.run(
        ["git", "show", f"HEAD:./{lock.name}"],
        cwd=lock.parent,
        capture_output=True,
        env=own_environment(),
    )
    return None if done.returncode else done.stdout


def unstage(*files: Path) -> str | None:
    """Take `files` out of git's index, as `git restore --staged` does; returns what was done.

    The files themselves stay as they are. Without a repository nothing is done.
    """
    names = [str(file) for file in files]
    listed = subprocess.run(
        ["git", "diff", "--cached", "--name-only", "--relative", "--", *names],
        capture_output=True,
        text=True,
        env=own_environment(),
    )
    staged = listed.stdout.splitlines()
    if listed.returncode or not staged:
        return None
    done = subprocess.run(
        ["git", "reset", "--quiet", "--", *staged],
        capture_output=True,
        text=True,
        env=own_environment(),
    )
    if done.returncode:  # such as a lock of git's own, which says so
        told = [*done.stderr.splitlines(), "git reset failed"][0]
        raise StudyError(f"{', '.join(staged)}: still staged: {told}")
    return f"{', '.join(staged)}: no longer staged"


def _is_whole(lock: Path) -> bool:
    from dvc.exceptions import DvcException
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from dvc.utils.serialize import load_yaml
    from voluptuous import Invalid

    try:
        COMPILED_LOCKFILE_SCHEMA(load_yaml(lock))
    except (DvcException, Invalid, IsADirectoryError, ValueError, RecursionError):
        return False
    return True


def order_lock(plan: Sequence[str], lock: Path = LOCK) -> None:
    """Put the stages in `lock` into the order in which a serial `dvc repro` would have left them.

    Stages that run at once are recorded as they end. DVC leaves a recorded stage where it is and
    appends a new one, so: first those of the committed file, as there, then the others.
    plan: all stages, in the order of `dvc repro`
    """
    from dvc.repo import Repo, lock_repo
    from dvc.utils.serialize import load_yaml, modify_yaml, parse_yaml

    if mend_lock(lock) or not lock.exists():
        return
    text = _committed(lock)
    known = list(parse_yaml(text.decode(), lock)["stages"]) if text else []
    places = {name: i for i, name in enumerate(dict.fromkeys([*known, *plan]))}
    with Repo(str(lock.parent), _wait_for_lock=True) as repo, lock_repo(repo):
        found = list(load_yaml(lock)["stages"])
        ordered = sorted(found, key=lambda name: places.get(name, len(places)))
        if found == ordered:
            return
        with new_file(lock) as temporary:
            temporary.write_bytes(lock.read_bytes())
            with modify_yaml(temporary) as data:
                for name in ordered:
                    data["stages"].move_to_end(name)
