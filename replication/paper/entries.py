"""A YAML list of named entries as strict dataclasses."""

import json
from pathlib import Path
from types import GenericAlias
from typing import Any

from pydantic import TypeAdapter, ValidationError

from replication.files.documents import read_yaml
from replication.files.errors import StudyError


def load_entries(path: Path, kind: Any, named: str) -> tuple[Any, ...]:
    """Every entry of the list in `path`, checked against `kind`.

    kind: a strict pydantic dataclass, or a union of some told apart by their field `kind`.
    named: what an entry is called in an error, such as "claim"; its field `id` names it.
    Raises StudyError naming the file, the entry and the field.
    """
    entries = read_yaml(path)
    if not isinstance(entries, list):
        raise StudyError(f"{path}: expected a list, one {named} per item")
    try:
        # The JSON route: strict types, yet lists become tuples.
        listed: Any = GenericAlias(tuple, (kind, ...))
        parsed = TypeAdapter(listed).validate_json(json.dumps(entries), strict=True)
    except ValidationError as error:
        raise StudyError(f"{path}: {_first(error, entries, named)}") from None
    ids = [entry.id for entry in parsed]
    if twice := [name for name in ids if ids.count(name) > 1]:
        raise StudyError(f"{path}: {named} {twice[0]}: id: stands twice; expected each id once")
    return parsed


def _first(error: ValidationError, entries: list[Any], named: str) -> str:
    """The first error: which entry, which field, what was expected."""
    first = error.errors(include_url=False)[0]
    place, *fields = first["loc"]
    assert isinstance(place, int)  # of the list
    entry = entries[place] if isinstance(entries[place], dict) else {}
    who = f"{named} {entry.get('id', f'at place {place + 1}')}"
    if first["type"] == "union_tag_invalid":
        context = first["ctx"]
        return (
            f"{who}: kind: {context['tag']!r} is not accepted; accepted: {context['expected_tags']}"
        )
    if first["type"] == "union_tag_not_found":
        return f"{who}: kind: is missing"
    if fields and fields[0] == entry.get("kind"):  # within a union the tag stands before the field
        fields = fields[1:]
    field = ".".join(map(str, fields)) or "(whole)"
    if first["type"] == "unexpected_keyword_argument":
        return f"{who}: {field}: is no field of it; remove it"
    if first["type"] in ("missing", "missing_argument"):
        return f"{who}: {field}: is missing"
    message = first["msg"].removeprefix("Value error, ")
    return f"{who}: {message}" if field == "(whole)" else f"{who}: {field}: {message}"
