"""MIND's marginals, written down once, and the same measured on any folder of MIND's format.

Sources: MIND-small (news and behaviours of both splits) for lengths and counts; the 5,000
impressions and 2,000 news rows drawn from its training split for everything about text, which were
measured, not copied. No text of MIND stands here.
"""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

NEWS = ["id", "category", "subcategory", "title", "abstract", "url", "in_title", "in_abstract"]
BEHAVIORS = ["impression", "user", "time", "history", "candidates"]


@dataclass(frozen=True)
class Marginal:
    """A figure of MIND, and how far the demo and a sample of 5,000 + 2,000 rows may be from it."""

    value: float
    demo: float
    sample: float


MARGINALS = {
    # MIND-small, both splits (training split for history lengths by impression).
    "history mean": Marginal(32.5, 3.0, 1.5),
    "history median": Marginal(19, 2.5, 2),
    "history 95th percentile": Marginal(108, 14, 8),
    "history empty": Marginal(0.024, 0.008, 0.006),
    "candidates mean": Marginal(37.3, 1.0, 1.5),
    "candidates median": Marginal(24, 1, 1),
    "candidates 5th percentile": Marginal(2, 0, 0),
    "candidates 95th percentile": Marginal(120, 4, 3),
    "clicks mean": Marginal(1.51, 0.06, 0.05),
    "impressions with 1 click": Marginal(0.72, 0.03, 0.02),
    "impressions with 2 clicks": Marginal(0.16, 0.03, 0.02),
    "impressions of the last day": Marginal(30_270 / 156_965, 0.005, 0.015),
    # The 2,000 rows.
    "title words": Marginal(10.9, 0.6, 0.2),
    "abstract words": Marginal(34.4, 3.0, 0.5),
    "abstract empty": Marginal(0.05, 0.02, 0.01),
    "rows with a double quote": Marginal(0.13, 0.03, 0.01),
    "rows outside ASCII": Marginal(0.02, 0.012, 0.005),
    "category news": Marginal(0.30, 0.03, 0.01),
    "category sports": Marginal(0.30, 0.03, 0.01),
    "category finance": Marginal(0.06, 0.015, 0.01),
    "entities in a title": Marginal(1.19, 0.25, 0.05),
    "entities in an abstract": Marginal(1.84, 0.4, 0.05),
}


def read(path: Path, columns: list[str]) -> pl.DataFrame:
    """Read a file of MIND's format as it is: strings, no quoting, "" for what is missing."""
    lines = path.read_text(encoding="utf-8").split("\n")
    assert lines.pop() == "", "the last line ends"
    rows = [line.split("\t") for line in lines]
    assert {len(row) for row in rows} == {len(columns)}
    return pl.DataFrame(rows, schema=columns, orient="row")


def clicks_of(candidates: str) -> list[int]:
    """0 and 1 for each candidate of an impression."""
    return [int(candidate.rsplit("-", 1)[1]) for candidate in candidates.split(" ")]


def measure(news: pl.DataFrame, behaviors: pl.DataFrame) -> dict[str, float]:
    """Measure MARGINALS (same keys) on news rows and training impressions."""
    history = np.array([len(h.split()) for h in behaviors["history"]])
    marks = [clicks_of(c) for c in behaviors["candidates"]]
    shown, clicks = np.array([len(m) for m in marks]), np.array([sum(m) for m in marks])
    text = [t + a for t, a in zip(news["title"], news["abstract"], strict=True)]
    category = Counter(news["category"])
    return {
        "history mean": history.mean(),
        "history median": np.median(history),
        "history 95th percentile": np.percentile(history, 95),
        "history empty": (history == 0).mean(),
        "candidates mean": shown.mean(),
        "candidates median": np.median(shown),
        "candidates 5th percentile": np.percentile(shown, 5),
        "candidates 95th percentile": np.percentile(shown, 95),
        "clicks mean": clicks.mean(),
        "impressions with 1 click": (clicks == 1).mean(),
        "impressions with 2 clicks": (clicks == 2).mean(),
        "impressions of the last day": np.mean(
            [time.startswith("11/14/2019 ") for time in behaviors["time"]]
        ),
        "title words": np.mean([len(t.split()) for t in news["title"]]),
        "abstract words": np.mean([len(a.split()) for a in news["abstract"]]),
        "abstract empty": np.mean([not a for a in news["abstract"]]),
        "rows with a double quote": np.mean(['"' in t for t in text]),
        "rows outside ASCII": np.mean([not t.isascii() for t in text]),
        **{
            f"category {name}": category[name] / len(news) for name in ("news", "sports", "finance")
        },
        "entities in a title": np.mean([len(json.loads(e or "[]")) for e in news["in_title"]]),
        "entities in an abstract": np.mean(
            [len(json.loads(e or "[]")) for e in news["in_abstract"]]
        ),
    }
