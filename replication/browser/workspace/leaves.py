"""Two mappings of settings beside each other: the innermost keys whose values differ."""

from collections.abc import Iterator
from typing import Any

MISSING = object()


def leaves(key: str, was: Any, now: Any) -> Iterator[tuple[str, Any, Any]]:
    """The innermost keys below `key` whose values differ, with both; a list is one value."""
    if was == now:
        return
    if not (isinstance(was, dict) and isinstance(now, dict)):
        yield key, was, now
        return
    for name in [*was, *(name for name in now if name not in was)]:
        yield from leaves(f"{key}.{name}", was.get(name, MISSING), now.get(name, MISSING))


def change(was: Any, now: Any) -> str:
    """Both values in words: `was 1, is 2`."""
    if was is MISSING:
        return "is new"
    if now is MISSING:
        return "is gone"
    return f"was {_short(was)}, is {_short(now)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
