"""A panel of an answer to a question beyond the paper: its lines of points, as data."""

import textwrap
from typing import Any

import altair as alt
import polars as pl

from replication.report.figures.theme import (
    Theme,
    auc_scale,
    layered,
    nothing_yet,
    tuning_colour,
    tuning_shape,
)

TITLE = 32  # characters of a line
SCHEMA = {"tuning": str, "x": float, "y": float, "low": float, "high": float, "impressions": int}


def curves_panel(curve: dict[str, Any], theme: Theme) -> alt.TopLevelMixin:
    """Points with their intervals, joined within a tuning. curve: one of questions.json."""
    rows = [_row(point) for point in curve["points"]]
    if not rows:
        return nothing_yet(theme)
    ends = [row[key] for row in rows for key in ("y", "low", "high") if row[key] is not None]
    # Three panels stand side by side: a longer title is cut off at their edges.
    title = textwrap.wrap(curve["x"], TITLE)
    x = alt.X("x:Q", title=title, scale=alt.Scale(zero=False, nice=False, padding=14))
    y: dict[str, Any] = {"scale": auc_scale(ends), "title": curve["y"]}
    base = alt.Chart(pl.DataFrame(rows, schema=SCHEMA)).encode(
        x=x,
        color=tuning_colour(theme),
        tooltip=[
            alt.Tooltip("tuning:N"),
            alt.Tooltip("x:Q", title=curve["x"], format=".3f"),
            alt.Tooltip("y:Q", title=curve["y"], format=".4f"),
            alt.Tooltip("low:Q", format=".4f"),
            alt.Tooltip("high:Q", format=".4f"),
            alt.Tooltip("impressions:Q", format=","),
        ],
    )
    return layered(
        base.mark_rule(strokeWidth=1.5, opacity=0.6).encode(y=alt.Y("low:Q", **y), y2="high:Q"),
        base.mark_line(strokeWidth=2).encode(y=alt.Y("y:Q", **y)),
        base.mark_point(filled=True, size=60, opacity=1).encode(
            y=alt.Y("y:Q", **y), shape=tuning_shape()
        ),
    ).properties(height=240)


def _row(point: dict[str, Any]) -> dict[str, Any]:
    low, high = point["ci95"] or (None, None)
    return {
        "tuning": point["line"], "x": point["x"], "y": point["y"], "low": low, "high": high,
        "impressions": point.get("impressions"),
    }  # fmt: skip
