"""The files of settings that stage `check` cuts params.yaml into, as they would be written now.

They are not in git and may be older than params.yaml: what counts is what params.yaml says.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replication.browser.workspace.digests import Digest
from replication.browser.workspace.leaves import MISSING, change, leaves
from replication.browser.workspace.pipeline import read_mapping
from replication.files.errors import StudyError
from replication.files.listing import files_in
from replication.study import paths
from replication.study.shares import shares

SETTINGS = f"{paths.SETTINGS.as_posix()}/"


@dataclass(frozen=True)
class Settings:
    """Content by path; `problem` says in one line why there is none."""

    texts: Mapping[str, str]
    problem: str | None = None

    def holds(self, path: str) -> bool:
        """Whether `path` is such a file, written or not."""
        return path.startswith(SETTINGS)

    def digest(self, path: str) -> Digest | None:
        """Of the file as it would be written now; None: params.yaml asks for no such file."""
        if (text := self.texts.get(path)) is None:
            return None
        content = text.encode()
        return Digest(hashlib.md5(content).hexdigest(), len(content))

    def changes(self, path: str, recorded: Digest, outs: Collection[str]) -> Iterator[str]:
        """In what the file differs from that of a stage's last run, one line each.

        recorded: its digest then: where it is still there, the whole of it is known
        outs: the stage's outputs, for run.json tells what a run has read
        """
        if self.problem:
            yield self.problem
            return
        now = json.loads(self.texts.get(path, "{}"))
        before = _written(path, recorded)
        was = next(filter(None, map(_recorded, outs)), {}) if before is None else before
        found = list(_told(was, now, whole=before is not None))
        yield from found or [f"{paths.PARAMS} has changed in what this stage reads"]


def read_settings(params: Mapping[str, Any] | None) -> Settings:
    """Those of params.yaml (None: it cannot be read) and of the groups in conf/protocol. Nothing
    that they hold raises."""
    if params is None:
        return Settings({}, f"{paths.PARAMS} cannot be read")
    try:
        protocols = {p.stem: read_mapping(p) for p in files_in(paths.PROTOCOLS, "*.yaml")}
        found = shares(params, protocols)
    except StudyError as error:
        return Settings({}, str(error))
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        return Settings({}, f"{paths.PARAMS} or {paths.PROTOCOLS} lacks what this stage reads")
    return Settings({f"{SETTINGS}{name}": text for name, text in found.items()})


def _written(path: str, recorded: Digest) -> dict[str, Any] | None:
    """The file's content, where it is the recorded one."""
    try:
        content = Path(path).read_bytes()
        if hashlib.md5(content).hexdigest() == recorded.md5:
            return json.loads(content)
    except (OSError, ValueError, RecursionError):
        pass
    return None


def _recorded(out: str) -> dict[str, Any]:
    try:
        params = json.loads((Path(out) / "run.json").read_bytes())["params"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    if not isinstance(params, dict):
        return {}
    protocol = params.get("protocol")
    name = protocol.get("name") if isinstance(protocol, dict) else None
    return {**params, "protocols": {str(name): protocol}}


def _told(was: Mapping[str, Any], now: Mapping[str, Any], whole: bool) -> Iterator[str]:
    """whole: whether `was` is all that was read; keys that only one side has are left out where it
    is a run.json, which holds defaults as well, and less."""
    for file, key, before, after in _sources(was, now):
        try:
            for at, old, new in leaves(key, before, after):
                if whole or MISSING not in (old, new):
                    yield f"{file}: {at} {change(old, new)}"
        except RecursionError:
            continue


def _sources(
    was: Mapping[str, Any], now: Mapping[str, Any]
) -> Iterator[tuple[Path, str, Any, Any]]:
    """Every key of the two, below the file that says what it is to be."""
    for key in dict.fromkeys([*was, *now]):
        sides = was.get(key, MISSING), now.get(key, MISSING)
        if key == "protocols" and all(isinstance(side, dict) for side in sides):
            for name in dict.fromkeys([*sides[0], *sides[1]]):
                groups = [side.get(name, MISSING) for side in sides]
                if not all(isinstance(group, dict) for group in groups):
                    yield paths.PARAMS, f"{key}.{name}", *groups
                    continue
                for field in dict.fromkeys([*groups[0], *groups[1]]):
                    yield (paths.PROTOCOLS / f"{name}.yaml", field,
                           *(group.get(field, MISSING) for group in groups))  # fmt: skip
        else:
            yield paths.PARAMS, key, *sides
