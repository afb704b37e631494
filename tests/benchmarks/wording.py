"""Figures in words and tables in Markdown, for the pages of the benchmarks."""

import re
from typing import Any

_UNITS = (("s", 1), ("ms", 1e-3), ("µs", 1e-6))


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; a column that says nothing in any row is left out."""
    said = [any(row[i] != "–" for row in rows) for i in range(len(head))]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(_cell(x) for x, keep in zip(line, said, strict=True) if keep) + " |"
        for line in lines
    )


def seconds_text(seconds: float | None) -> str:
    """Such as `83.2 µs`, `12.3 ms` or `412 s`."""
    if seconds is None:
        return "–"
    unit, size = next(pair for pair in _UNITS if seconds >= pair[1] or pair[0] == "µs")
    return f"{number(seconds / size)} {unit}"


def ratio_text(ratio: float | None) -> str:
    return "–" if ratio is None else f"{number(ratio)}x"


def memory_text(naive: float | None, ours: float | None) -> str:
    """MiB of the naive way, an arrow, MiB of ours; the last alone without a naive way."""
    if naive is None:
        return mib_text(ours)
    return f"{mib_text(naive)} → {mib_text(ours)}"


def mib_text(mib: float | None) -> str:
    return "–" if mib is None else f"{number(mib)} MiB"


def number(value: float) -> str:
    """Three digits, or all those before the point, rounded: 0.0123, 1.23, 12.3, 1,234."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def without_folders(text: str) -> str:
    """The names of files without the folders of this machine before them."""
    return re.sub(r"(?<![\w.])/(?:[\w.-]+/)+", "", text)


def commit_text(commit: dict[str, Any]) -> str:
    """`commit 0123456789, with changes since`, from `git_commit`."""
    changed = ", with changes since" if commit["changed"] else ""
    return f"commit {(commit['commit'] or 'unknown')[:10]}{changed}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
