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
from replication.study import paths
from replication.study.shares import shares

SETTINGS = f"{paths.SETTINGS.as_posix()}/"


@dataclass(frozen=True)
class Settings:
    """Content by path; none where params.yaml or a protocol cannot be read."""

    texts: Mapping[str, str]

    def holds(self, path: str) -> bool:
        """Whether `path` is such a file, written or not."""
        return path.startswith(SETTINGS)

    def digest(self, path: str) -> Digest | None:
        """Of the file as it would be written now; None: params.yaml asks for no such file."""
        if (text := self.texts.get(path)) is None:
            return None
        content = text.encode()
        return Digest(hashlib.md5(content).hexdigest(), len(content))

    def changes(self, path: str, outs: Collection[str]) -> Iterator[str]:
        """In what they differ from those of a stage's last run, one line each.

        outs: the stage's outputs, for run.json tells what a run has read.
        """
        now = json.loads(self.texts.get(path, "{}"))
        was = next(filter(None, map(_recorded, outs)), {})
        found = list(_told(was, now))
        yield from found or [f"{paths.PARAMS} has changed in what this stage reads"]


def read_settings(params: Mapping[str, Any] | None) -> Settings:
    """Those of params.yaml and of the groups in conf/protocol. Nothing that they hold raises."""
    try:
        protocols = {p.stem: read_mapping(p) for p in sorted(paths.PROTOCOLS.glob("*.yaml"))}
        found = shares(params or {}, protocols)
    except (StudyError, KeyError, TypeError, AttributeError, ValueError, RecursionError):
        return Settings({})
    return Settings({f"{SETTINGS}{name}": text for name, text in found.items()})


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


def _told(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Keys that only one side has are left out: run.json holds defaults as well, and less."""
    for key in now:
        try:
            for place, before, after in leaves(key, was.get(key, MISSING), now[key]):
                if MISSING not in (before, after):
                    yield f"{paths.PARAMS}: {place} {change(before, after)}"
        except RecursionError:
            continue
