"""Words that several parts of the report use."""

from collections.abc import Sequence


def listed(commands: Sequence[str], most: int = 3) -> str:
    """The first few commands, and how many more there are."""
    text = ", ".join(f"`{command}`" for command in commands[:most])
    return f"{text} and {len(commands) - most} more" if len(commands) > most else text


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return text[:1].upper() + text[1:].rstrip(".") + "." if text else ""
