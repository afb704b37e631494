"""What the browser says of the stages in the working directory, and changes that it must see."""

import json
from pathlib import Path

from replication.browser.workspace.stages import read_stages


def states() -> dict[str, str]:
    return {stage.name: stage.state for stage in read_stages().stages}


def reason(name: str) -> str | None:
    return read_stages().by_name[name].reason


def replace(path: str, old: str, new: str) -> None:
    text = Path(path).read_text(encoding="utf-8")
    assert old in text
    Path(path).write_text(text.replace(old, new), encoding="utf-8")


def write_rwlock(content: object) -> None:
    path = Path(".dvc/tmp/rwlock")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
