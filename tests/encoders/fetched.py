"""A checkpoint brought by stage `checkpoint`, and where it lies."""

import json
from dataclasses import replace
from pathlib import Path

from replication.encoders.sources.checkpoints import fetch_checkpoint

OUT = Path("checkpoints/tiny")


def fetch(params, entry, name: str = "tiny") -> None:
    fetch_checkpoint(name, replace(params, encoders={name: entry}, adapters={}))


def edit(path: Path, **changes) -> None:
    """Change keys of a JSON file; None takes a key away."""
    values = json.loads(path.read_text(encoding="utf-8")) | changes
    values = {key: value for key, value in values.items() if value is not None}
    path.write_text(json.dumps(values), encoding="utf-8")


def untouched() -> bool:
    return [p.name for p in OUT.parent.rglob("*")] == ["tiny", "kept"]
