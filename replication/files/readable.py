"""One file, read strictly: its content, or the reason why there is none. Nothing here raises."""

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from replication.files.errors import StudyError, shown

Content = TypeVar("Content")
LARGEST = 64 << 20  # bytes; no report comes near
KEPT = 8192  # files whose content is remembered


@dataclass(frozen=True)
class File(Generic[Content]):
    """A file under its path; where there is neither content nor problem, there is no such file.

    problem  why it cannot be read, in one line that names it
    """

    path: Path
    content: Content | None = None
    problem: str | None = None


def read_file(path: Path, kind: type[Content]) -> File[Content]:
    """The JSON file `path` as `kind`, of `schema.py`. It is read again only when it has changed."""
    try:
        state = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return File(path)
    except (OSError, ValueError) as error:
        return File(path, problem=f"{path}: cannot be read ({error})")
    return _read(path, cast(Hashable, kind), state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=KEPT)
def _read(path: Path, kind: Hashable, changed: int, size: int) -> File:
    if size > LARGEST:
        return File(path, problem=f"{path}: {size:,} bytes; expected {LARGEST:,} at most")
    try:
        return parse(path, path.read_bytes(), kind)
    except FileNotFoundError:  # gone since: a stage is being run again
        return File(path)
    except OSError as error:
        return File(path, problem=f"{path}: cannot be read ({error})")


def parse(path: Path, text: bytes, kind: Any) -> File:
    """The content of a JSON file, however it was come by; `path` is its name in the reason."""
    try:
        return File(path, _adapter(kind).validate_json(text, strict=True))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "json_invalid":
            return File(path, problem=f"{path}: not valid JSON ({first['ctx']['error']})")
        place = ".".join(str(part) for part in first["loc"]) or "(top level)"
        given = "" if first["type"] == "missing" else f" (given: {shown(first['input'])})"
        return File(path, problem=f"{path}: {place}: {first['msg']}{given}")


@cache
def _adapter(kind: Any) -> TypeAdapter:
    return TypeAdapter(kind)


def tried(read: Any, path: Path) -> File:
    """What `read()` returns, or the line that it stops with."""
    try:
        return File(path, read())
    except StudyError as error:
        return File(path, problem=str(error))
    except OSError as error:
        return File(path, problem=f"{path}: cannot be read ({error})")
