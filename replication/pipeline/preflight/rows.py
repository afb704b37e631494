"""A line of the table: one thing that the study needs, and whether it has it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """what it is; where it is from or lies; size in bytes (None: not known, or has none); licence;
    state in a word or two; problem: why the study would stop, with what to do (None: it would not);
    note: what is good to know and stops nothing"""

    what: str
    where: str
    size: float | None
    licence: str
    state: str
    problem: str | None = None
    note: str | None = None
