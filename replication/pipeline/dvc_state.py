"""Make good what a killed DVC, a power cut or a full disk left of a project: what DVC cannot read.

DVC writes dvc.lock and .dvc/tmp/rwlock in place, and takes whatever lies in its cache of runs for a
finished entry. It refuses to start on halves. What it can read is left as it is, and so is what a
process is at work on.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from replication.files.errors import StudyError
from replication.pipeline.dvc_guard import PATIENCE, at_work, held, settings
from replication.pipeline.dvc_lock import LOCK, mend_lock
from replication.study import paths

_STILL = 2  # seconds in which a file that is being written changes
_GONE = "could not be read, and is removed"


def make_good(folder: Path = Path(), file: TextIO | None = None) -> None:
    """Mend the project at `folder`; each thing that was done is said in one line, to `file`.

    To be called before DVC is. Errors: `StudyError` where a process that lives is in the way (it is
    waited for first), or dvc.lock holds a conflict that git left.
    """
    for mend in (_mend_tmp, _mend_runs, _mend_dvc_lock, _mend_link):
        for told in mend(folder):
            print(told, file=file, flush=True)


def _mend_dvc_lock(folder: Path) -> Iterator[str]:
    if told := mend_lock(folder / LOCK):
        yield told


def _mend_link(folder: Path) -> Iterator[str]:
    """The link to the data: DVC stops at one that leads nowhere, as after the project has moved."""
    link = folder / paths.SOURCE
    if link.is_symlink() and not link.exists():
        leads = link.readlink()
        shutil.rmtree(link.parent)  # the output as DVC knows it, which holds nothing else
        yield f"{link}: led to {leads}, which is not there; removed, stage `check` makes it anew"


def _mend_tmp(folder: Path) -> Iterator[str]:
    """What DVC keeps in .dvc/tmp: locks, who holds them, and the experiment that runs."""
    tmp, ends = folder / ".dvc/tmp", time.monotonic() + PATIENCE
    while found := _unreadable(tmp):
        if busy := at_work(folder):
            if time.monotonic() > ends:
                raise StudyError(
                    f"{found[0]}: cannot be read, and {busy} is at work here; wait for it or end "
                    "it, then run the same command again"
                )
            time.sleep(0.2)
            continue
        for path in found:
            if path.name != "rwlock":
                _remove(path)
                yield f"{path}: {_GONE}"
                continue
            with held(path.with_name("rwlock.lock")):
                if again := path in _unreadable(tmp):
                    _remove(path)
            if again:
                yield f"{path}: {_GONE}"


def _unreadable(tmp: Path) -> list[Path]:
    """Files of DVC in `tmp` that it stops at."""
    for place in (tmp, tmp / "exps", tmp / "exps/run"):
        if place.exists() and not place.is_dir():
            return [place]
    runs = [path for end in ("json", "run") for path in tmp.glob(f"exps/run/*/*.{end}")]
    readers = {
        **dict.fromkeys([tmp / "lock", tmp / "rwlock.lock", tmp / "exps/rwlock.lock"], _anything),
        **dict.fromkeys([tmp / "btime", tmp / "repro.dat"], _anything),
        **dict.fromkeys(runs, _mapping),
    }
    wrong = [path for path, check in readers.items() if not _passes(path, check)]
    # Its guard must be whole before a `rwlock` is looked at again.
    return wrong or [p for p in (tmp / "rwlock", tmp / "exps/rwlock") if not _passes(p, _rwlock)]


def _passes(path: Path, check: Callable[[Path], object]) -> bool:
    from voluptuous import Invalid

    try:
        check(path)
    except FileNotFoundError:
        return True
    except (IsADirectoryError, ValueError, RecursionError, Invalid):
        return False
    return True


def _anything(path: Path) -> None:
    if path.is_dir():
        raise IsADirectoryError


def _mapping(path: Path) -> None:
    if not isinstance(json.loads(path.read_bytes()), dict):
        raise ValueError


def _rwlock(path: Path) -> None:
    from dvc.rwlock import SCHEMA

    SCHEMA(json.loads(path.read_bytes()))


def _mend_runs(folder: Path) -> Iterator[str]:
    """DVC's cache of runs: what is not a finished entry, and does not become one.

    The cache may be common to several projects, whose locks are not known here. So what is removed
    has not changed between two looks, and this project's DVC stands still at the second.
    """
    if not (folder / ".dvc").is_dir():
        return
    home = folder / ".dvc"
    runs = Path(settings(home)["cache"].get("dir") or home / "cache") / "runs"
    seen = _unfinished(runs)
    while seen:
        time.sleep(_STILL)
        with held(home / "tmp/lock"):
            now = _unfinished(runs)
            left = [path for path, stamp in now.items() if seen.get(path) == stamp]
            for path in left:
                _take_out(path, len(path.relative_to(runs).parts))
        if left:
            yield f"{runs}: {len(left)} of its entries had not been written to their end: removed"
        seen = {path: stamp for path, stamp in now.items() if path not in left}


def _take_out(path: Path, depth: int) -> None:
    """Remove it, and the folder of its key where that is empty then."""
    if depth != 2 or not path.is_dir():
        _remove(path)
        path = path.parent
    if depth > 1:
        with suppress(OSError):
            path.rmdir()


def _unfinished(runs: Path) -> dict[Path, tuple[int, int]]:
    """What is not as runs/KEY[:2]/KEY/DIGEST should be, with when and how long it was.

    DVC stops at the folder of a key with nothing in it, as a kill leaves it before the first entry.
    """
    wrong = []
    level = [runs]
    for depth in range(3):
        wrong += [path for path in level if path.exists() and not path.is_dir()]
        inside = {path: list(path.iterdir()) for path in level if path.is_dir()}
        wrong += [path for path, below in inside.items() if depth == 2 and not below]
        level = [path for below in inside.values() for path in below]
    wrong += [path for path in level if not _is_finished(path)]
    return {path: stamp for path in wrong if (stamp := _stamp(path))}


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except FileNotFoundError:  # its writer has given it its name, or removed it
        return None
    return state.st_mtime_ns, state.st_size


def _is_finished(path: Path) -> bool:
    """Whether DVC wrote the entry to its end, and gave it the name it has in the end.

    The form in which DVC writes entries is looked for first: to parse thousands takes long.
    """
    if not _is_digest(path.name):
        return False
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return True
    except IsADirectoryError:
        return False
    if not text.endswith(b"\n"):
        return False
    return (text.startswith(b"cmd: ") and b"\nouts:\n- path: " in text) or _is_entry(path, text)


def _is_digest(name: str) -> bool:
    return len(name) == 64 and not set(name) - set("0123456789abcdef")


def _is_entry(path: Path, text: bytes) -> bool:
    from dvc.exceptions import DvcException
    from dvc.schema import COMPILED_LOCK_FILE_STAGE_SCHEMA
    from dvc.utils.serialize import parse_yaml
    from voluptuous import Invalid

    try:
        entry = COMPILED_LOCK_FILE_STAGE_SCHEMA(parse_yaml(text.decode(), str(path)))
    except (DvcException, Invalid, ValueError, RecursionError):
        return False
    return isinstance(entry, Mapping) and bool(entry.get("outs"))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
