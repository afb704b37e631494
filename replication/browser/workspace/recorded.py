"""What DVC has written down: each stage's last run, and the paths that are being written now."""

import functools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from replication.browser.workspace.digests import Digest
from replication.browser.workspace.pipeline import Version, read_mapping, version
from replication.files.errors import StudyError
from replication.study import paths

LOCK = Path("dvc.lock")
RWLOCK = Path(".dvc/tmp/rwlock")


@dataclass(frozen=True)
class Entry:
    """A stage's last run: its command, digests of files by path, parameters by dotted key.

    damage  what is wrong with the record, in one line; then nothing else is known
    """

    command: str = ""
    deps: Mapping[str, Digest] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    outs: Mapping[str, Digest] = field(default_factory=dict)
    damage: str | None = None


MEND_LOCK = "python -m replication mend"
_MEND = f"`{MEND_LOCK}` puts the committed one back, or names a conflict in it; then `dvc repro`"
_last_whole: dict[str, dict[str, Entry]] = {}  # by working directory


def read_entries() -> tuple[dict[str, Entry] | None, str | None]:
    """dvc.lock by stage (None: not to be read), and what is wrong with it.

    DVC writes the file in place, for seconds where it is long. Meanwhile it ends within a line:
    then the last whole one that was read stands in for it.
    """
    here = str(Path.cwd())
    try:
        if not LOCK.read_bytes().endswith(b"\n"):
            told = f"{LOCK} ends within a line: DVC is writing it (reload in a moment)"
            return _last_whole.get(here), f"{told}, or it has been cut off; {_MEND}"
        entries = _entries(version(LOCK))
    except FileNotFoundError:
        return {}, f"{LOCK}: no such file, so nothing is known to have been run; run `dvc repro`"
    except OSError as error:
        return None, f"{LOCK}: cannot be read ({error.strerror}); expected a file that you may read"
    except StudyError as error:
        return None, f"{error}; {_MEND}"
    _last_whole[here] = entries
    damage = next((entry.damage for entry in entries.values() if entry.damage), None)
    return entries, damage and f"{damage}; {_MEND}"


@functools.lru_cache(maxsize=4)
def _entries(at: Version) -> dict[str, Entry]:
    stages = read_mapping(LOCK).get("stages")
    if not isinstance(stages, dict):
        raise StudyError(f"{LOCK}: stages: expected a mapping")
    return {str(name): _entry(record, f"{LOCK}: stages.{name}") for name, record in stages.items()}


def _entry(record: Any, where: str) -> Entry:
    try:
        if not isinstance(record, dict):
            raise StudyError(f"{where}: expected a mapping")
        if not isinstance(record.get("cmd"), str):
            raise StudyError(f"{where}.cmd: expected a command")
        params = record.get("params") or {}
        values = params.get(str(paths.PARAMS), {}) if isinstance(params, dict) else None
        if not isinstance(values, dict):
            raise StudyError(f"{where}.params: expected a mapping of {paths.PARAMS}")
        deps, outs = (_digests(record.get(k) or [], f"{where}.{k}") for k in ("deps", "outs"))
        return Entry(record["cmd"], deps, {str(k): v for k, v in values.items()}, outs)
    except StudyError as error:
        return Entry(damage=" ".join(str(error).split()))


def _digests(rows: Any, where: str) -> dict[str, Digest]:
    if not isinstance(rows, list):
        raise StudyError(f"{where}: expected a list")
    return dict(_digest(row, where) for row in rows)


def _digest(row: Any, where: str) -> tuple[str, Digest]:
    if not isinstance(row, dict):
        raise StudyError(f"{where}: expected entries with a path and an md5")
    path, md5, size, nfiles = (row.get(key) for key in ("path", "md5", "size", "nfiles"))
    if not isinstance(path, str) or not isinstance(md5, str):
        raise StudyError(f"{where}: expected entries with a path and an md5")
    if not isinstance(size, int | None) or not isinstance(nfiles, int | None):
        raise StudyError(f"{where}: {path}: expected whole numbers as size and nfiles")
    return path, Digest(md5, size, nfiles)


def read_writing() -> dict[str, str]:
    """Paths that a live process writes as a stage's outputs -> the process, in words.

    DVC holds them under their full paths; those of the working directory are relative here.
    """
    try:
        document = json.loads(RWLOCK.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}  # not there, or half written: the next look finds it whole
    locked = document.get("write") if isinstance(document, dict) else None
    if not isinstance(locked, dict):
        return {}
    start = f"{Path.cwd()}{os.sep}"
    return {
        path.removeprefix(start): _process(info)
        for path, info in locked.items()
        if isinstance(info, dict) and _is_alive(info.get("pid"))
    }


def _process(info: Mapping[str, Any]) -> str:
    program, _, arguments = str(info.get("cmd")).partition(" ")
    command = " ".join([Path(program).name, *arguments.split()])
    return f"`{command}` is at it (process {info['pid']})"


def _is_alive(pid: Any) -> bool:
    if not isinstance(pid, int) or isinstance(pid, bool) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:  # someone else's
        return True
    except (OSError, OverflowError):
        return False
    return True
