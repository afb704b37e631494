"""The profiles in words: what profiles.py found, as Markdown."""

from typing import Any

from wording import commit_text, markdown, number, seconds_text

_BOUNDS = {
    "arithmetic": "arithmetic",
    "memory": "memory, in order",
    "gather": "memory, random rows",
    "sort": "sort",
    None: "–",
}


def profile_text(profiles: dict[str, Any]) -> str:
    """A table per profile and one of the machine's bounds, from the JSON of profiles.py."""
    parts = [
        "## Where the remaining time goes",
        "Each phase beside the least time in which this machine could do what it asks: its matrix "
        "products at the best rate measured, its bytes at that of a copy, its rows at that of a "
        "random gather, its numbers at that of one sort, whichever takes longest (its bound). "
        "Attained is that time over the time spent, over 100 % where caches helped. FLOP, and in "
        "training bytes, are those of the operations as torch ran them; tensors that stay in the "
        "caches between two operations count for both. In evaluation bytes are what must be read "
        "and written at the least. "
        f"Profiled on {profiles['date'][:10]} in {number(profiles['seconds'] / 60)} minutes, at "
        f"{commit_text(profiles['commit'])}.",
        bounds_text(profiles["bounds"]),
    ]
    head = ["phase", "time", "share", "GFLOP", "MB", "bound", "least time", "attained"]
    for profile in profiles["profiles"]:
        whole = sum(row["seconds"] for row in profile["phases"])
        rows = [_row(row) for row in profile["phases"]]
        parts += [f"**{profile['title']}**: {seconds_text(whole)}.", markdown(head, rows)]
    return "\n\n".join(parts)


def bounds_text(bounds: dict[str, Any]) -> str:
    """The rates of the machine, one line."""
    rates = "; ".join(
        f"{kind} "
        + ", ".join(f"{number(rate / 1e9)} ({shape})" for shape, rate in by_shape.items())
        for kind, by_shape in bounds["multiply"].items()
    )
    return (
        f"Matrix products, GFLOP/s: {rates}. Copy {number(bounds['copy'] / 1e9)} GB/s, gather of "
        f"1.2 kB rows {number(bounds['gather'] / 1e9)} GB/s, both read and written; sort "
        f"{number(bounds['sort'] / 1e6)} million numbers/s."
    )


def _row(row: dict[str, Any]) -> list[str]:
    flop = ", ".join(f"{number(n)} {kind}" for kind, n in row["gflop"].items() if n)
    if row["bound"] is None:
        least = ["–", "–"]
    else:
        least = [seconds_text(row["least_seconds"]), f"{number(100 * row['attained'])} %"]
    return [
        row["phase"],
        seconds_text(row["seconds"]),
        f"{100 * row['share']:.1f} %",
        flop or "–",
        number(row["moved_mb"]) if row["moved_mb"] else "–",
        _BOUNDS[row["bound"]],
        *least,
    ]
