"""One malformed input: how a file is spoiled, what then reads it, and what must be told."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Spoil = Callable[[], None]


@dataclass(frozen=True)
class Case:
    """`spoil` runs in a project's folder, `command` after it; every one of `told` must stand in the
    one line that comes of it: the file, then line, field or key, then what was expected.

    twin  hundreds are made alike, by one rule; `make test` has some of them
    """

    name: str
    command: tuple[str, ...]
    spoil: Spoil
    told: tuple[str, ...]
    twin: bool = False

    def __str__(self) -> str:
        return self.name


def holds(path: str, content: str | bytes) -> Spoil:
    """The whole content of a file."""

    def spoil() -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(content.encode() if isinstance(content, str) else content)

    return spoil


def changed(path: str, change: Callable[[bytes], bytes]) -> Spoil:
    """Other bytes for those of a file."""

    def spoil() -> None:
        before = Path(path).read_bytes()
        after = change(before)
        assert after != before
        Path(path).write_bytes(after)

    return spoil


def in_line(path: str, number: int, change: Callable[[bytes], bytes]) -> Spoil:
    """Other bytes for those of line `number`."""

    def spoil() -> None:
        lines = Path(path).read_bytes().split(b"\n")
        lines[number - 1] = change(lines[number - 1])
        Path(path).write_bytes(b"\n".join(lines))

    return spoil


def in_field(path: str, number: int, column: int, content: str | bytes) -> Spoil:
    """Another content for a field of a tab-separated line; columns count from 0."""
    content = content.encode() if isinstance(content, str) else content

    def change(line: bytes) -> bytes:
        parts = line.split(b"\t")
        parts[column] = content
        return b"\t".join(parts)

    return in_line(path, number, change)


def replaced(path: str, old: str, new: str) -> Spoil:
    """One text for another, which must be there."""
    return changed(path, lambda content: content.replace(old.encode(), new.encode(), 1))


def gone(path: str) -> Spoil:
    return lambda: Path(path).unlink()


def folder(path: str) -> Spoil:
    """A folder where a file belongs."""

    def spoil() -> None:
        Path(path).unlink(missing_ok=True)
        Path(path).mkdir()

    return spoil


ABSENT = object()


def set_in(values: Any, key: str, value: Any) -> None:
    """Set, or with ABSENT remove, the value at a dotted key of nested mappings and lists."""
    *outer, last = key.split("/")
    for part in outer:
        values = values[int(part) if isinstance(values, list) else part]
    if value is ABSENT:
        del values[last]
    else:
        values[int(last) if isinstance(values, list) else last] = value


def with_keys(path: str, changes: dict[str, Any]) -> Spoil:
    """Other values at keys (`training/frozen/patience`) of a file of JSON, which is YAML too."""

    def spoil() -> None:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
        for key, value in changes.items():
            set_in(values, key, value)
        Path(path).write_text(json.dumps(values), encoding="utf-8")

    return spoil


def both(*spoils: Spoil) -> Spoil:
    def spoil() -> None:
        for one in spoils:
            one()

    return spoil
