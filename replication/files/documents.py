"""Read YAML and JSON that nobody vouches for: plain values, or one line that names the place."""

import copy
import functools
import json
import math
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from replication.files.errors import StudyError, shown

Kind = TypeVar("Kind")
DEEPEST = 50  # levels of lists and mappings
MOST_VALUES = 100_000  # of one YAML file; aliases can make more out of a few lines


def read_yaml(path: Path) -> Any:
    """A YAML 1.2 file by the safe loader (PyYAML would read `1e-05` as a string).

    What comes back is what JSON has: text, finite numbers, true, false, null, lists, and mappings
    whose keys are text. StudyError naming file and line, or the key, for anything else.
    """
    from ruamel.yaml.error import MarkedYAMLError

    text = _read_text(path, "YAML", "; run from the project's folder")
    try:
        value = copy.deepcopy(_parsed(text))  # the caller's own, to change as it likes
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}" if mark else ""
        told = ", ".join(filter(None, (error.context, error.problem)))
        raise StudyError(f"{path}{place}: not valid YAML: {' '.join(told.split())}") from None
    except RecursionError:
        raise StudyError(f"{path}: not valid YAML: nested too deeply") from None
    except Exception as error:  # the loader passes on whatever it stumbles over in odd values
        raise StudyError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    _refuse_other_than_plain(path, value)
    return value


@functools.lru_cache(maxsize=64)
def _parsed(text: str) -> Any:
    """Once for each text: a plan of a study asks for its protocols two thousand times, and the
    loader takes a twentieth of a second for one. The one in C would take a third of that, and does
    not survive a file that is nested deeply."""
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).load(text)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; StudyError naming file, line and column where there is none."""
    text = _read_text(path, "JSON")
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise StudyError(f"{path}: not valid JSON ({place})") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits
        raise StudyError(f"{path}: not valid JSON ({' '.join(str(error).split())})") from None
    if not isinstance(value, dict):
        raise StudyError(f"{path}: expected a JSON object, found {shown(value)}")
    return value


def validated(kind: type[Kind], value: Any, path: Path) -> Kind:
    """`value`, as `read_yaml` gives it, as the strict dataclass `kind`.

    StudyError naming `path` and the first key that is unknown, missing or of another type.
    """
    try:
        # The JSON route: strict types, yet lists become tuples.
        return TypeAdapter(kind).validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(_place(value, first)) or "(top level)"
        if first["type"] == "unexpected_keyword_argument":
            accepted = ", ".join(_keys_beside(kind, first["loc"]))
            raise StudyError(f"{path}: unknown key {key}; accepted: {accepted}") from None
        if first["type"] in ("missing", "missing_argument"):
            raise StudyError(f"{path}: {key}: is missing") from None
        raise StudyError(
            f"{path}: {key}: {first['msg']} (given: {shown(first['input'])})"
        ) from None


def _place(value: Any, error: Any) -> Iterator[str]:
    """The keys that lead to an error; after them pydantic names the kinds that it tried there."""
    keyed = error["type"] in ("unexpected_keyword_argument", "missing", "missing_argument")
    for part in error["loc"]:
        if not keyed and value == error["input"]:
            return
        yield str(part)
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part]


def _read_text(path: Path, format: str, remedy: str = "") -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file{remedy}") from None
    except OSError as error:
        raise StudyError(f"{path}: {error.strerror}; expected a file of {format}") from None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = f"line {line}: byte 0x{content[error.start]:02x} is not UTF-8"
        raise StudyError(f"{path}: not valid {format} ({problem})") from None


def _refuse_other_than_plain(path: Path, value: Any) -> None:
    """StudyError about the first value, in the file's order, that JSON does not have."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), value)]
    count = 0
    while waiting:
        place, found = waiting.pop()
        count += 1
        if count > MOST_VALUES or len(place) > DEEPEST:
            what = f"{DEEPEST} levels" if len(place) > DEEPEST else f"{MOST_VALUES:,} values"
            raise StudyError(
                f"{path}: more than {what}; expected no alias (*name) that repeats a large part, "
                "or itself"
            )
        where = ".".join(place) or "(top level)"
        if isinstance(found, dict):
            for key in found:
                if not isinstance(key, str) or not _is_text(key):
                    raise StudyError(
                        f"{path}: {where}: key {_as_written(key)}: expected text; quote it"
                    )
            waiting += reversed([((*place, key), v) for key, v in found.items()])
        elif isinstance(found, list):
            waiting += reversed([((*place, _name(i, v)), v) for i, v in enumerate(found)])
        elif expected := _unplain(found):
            raise StudyError(f"{path}: {where}: {_as_written(found)}: expected {expected}")


def _name(number: int, item: Any) -> str:
    """What an item of a list is called in an error: by its `id` where it has one."""
    own = item.get("id") if isinstance(item, dict) else None
    return own if isinstance(own, str) and own else str(number)


def _unplain(value: Any) -> str | None:
    """What was expected in the place of a value that JSON does not have; None where it does."""
    if isinstance(value, str):
        return None if _is_text(value) else "text without \\0 and halves of surrogate pairs"
    if isinstance(value, float):
        return None if math.isfinite(value) else "a finite number"
    if value is None or isinstance(value, bool | int):
        return None
    if isinstance(value, date):  # of which datetime is a kind
        return "text; quote it"
    return "text, a number, true, false, null, a list or a mapping"


def _is_text(value: str) -> bool:
    """Whether files and their names can hold it: YAML can spell NUL and half a surrogate pair."""
    return not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value)


def _as_written(value: Any) -> str:
    return str(value) if isinstance(value, date) else shown(value)


def _keys_beside(kind: Any, location: tuple) -> list[str]:
    """The keys that are accepted where `location` ends."""
    for part in location[:-1]:
        if get_origin(kind) is dict:
            kind = get_args(kind)[1]
        else:
            kind = kind.__dataclass_fields__[part].type
        # `Tokenizer | None` stands for its dataclass; a dict is entered by its next key.
        if get_origin(kind) is not dict:
            kind = next((k for k in get_args(kind) if hasattr(k, "__dataclass_fields__")), kind)
    return sorted(kind.__dataclass_fields__)
