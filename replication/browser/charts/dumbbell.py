"""Ours beside the paper's: two dots and the way between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import polars as pl

from replication.report.figures.theme import Theme, layered, nothing_yet


@dataclass(frozen=True)
class Pair:
    """A figure of ours and the paper's, in one unit; either may be missing. `tolerance`: how far
    from the paper's still counts as agreement."""

    label: str
    ours: float | None
    ci95: tuple[float, float] | None
    paper: float | None
    verdict: str
    tolerance: float | None = None

    @property
    def distance(self) -> float:
        """How far apart they are; what cannot be told comes last."""
        if self.ours is None or self.paper is None:
            return -1.0
        return abs(self.ours - self.paper)


def _end(pair: Pair, side: int) -> float | None:
    """An end of the band of tolerance around the paper's figure."""
    if pair.paper is None or pair.tolerance is None:
        return None
    return pair.paper + side * pair.tolerance


def dumbbell(pairs: Sequence[Pair], unit: str, form: str, theme: Theme) -> alt.TopLevelMixin:
    """A row per pair, the farthest apart first.

    unit: the axis's title; form: d3's format of a figure.
    """
    rows = sorted(pairs, key=lambda pair: -pair.distance)
    if not any(pair.ours is not None or pair.paper is not None for pair in rows):
        return nothing_yet(theme)
    labels = [pair.label for pair in rows]
    frame = pl.DataFrame(
        {
            "figure": labels,
            "ours": [pair.ours for pair in rows],
            "low": [pair.ci95[0] if pair.ci95 else None for pair in rows],
            "high": [pair.ci95[1] if pair.ci95 else None for pair in rows],
            "paper": [pair.paper for pair in rows],
            "verdict": [pair.verdict for pair in rows],
            "from": [_end(pair, -1) for pair in rows],
            "to": [_end(pair, 1) for pair in rows],
        },
        schema={"figure": str, "ours": float, "low": float, "high": float, "paper": float,
                "verdict": str, "from": float, "to": float},
    )  # fmt: skip
    y = alt.Y("figure:N", sort=labels, title=None, scale=alt.Scale(domain=labels))
    x: dict[str, Any] = {
        "scale": alt.Scale(zero=False),
        "title": unit,
        "axis": alt.Axis(format=form, tickCount=8),
    }
    base = alt.Chart(frame).encode(
        y=y,
        tooltip=[
            alt.Tooltip("figure:N"),
            *(alt.Tooltip(f"{name}:Q", format=form) for name in ("ours", "low", "high", "paper")),
            alt.Tooltip("verdict:N"),
        ],
    )
    ours, paper = theme.tunings["frozen"], theme.tunings["finetuned"]
    known = 2 if any(pair.paper is not None for pair in rows) else 1  # that the legend tells
    names = ["ours", "the paper"][:known]
    whose = alt.Scale(domain=names, range=[ours, paper][:known])
    shapes = alt.Scale(domain=names, range=["circle", "diamond"][:known])

    def dots(column: str, name: str) -> alt.Chart:
        return base.mark_point(filled=True, size=90, opacity=1).encode(
            x=alt.X(f"{column}:Q", **x),
            color=alt.Color("whose:N", scale=whose, title=None),
            shape=alt.Shape("whose:N", scale=shapes, title=None),
        ).transform_calculate(whose=f"'{name}'")  # fmt: skip

    return layered(
        base.mark_bar(color=paper, opacity=0.22, height=16).encode(
            x=alt.X("from:Q", **x), x2="to:Q"
        ),
        base.mark_rule(color=theme.grid, strokeWidth=4).encode(
            x=alt.X("ours:Q", **x), x2="paper:Q"
        ),
        base.mark_rule(color=ours, strokeWidth=1.5).encode(x=alt.X("low:Q", **x), x2="high:Q"),
        *([dots("paper", "the paper")] if known == 2 else []),
        dots("ours", "ours"),
    ).properties(height=alt.Step(26))
