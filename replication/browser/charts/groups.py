"""AUC by group of users: dots with their intervals, a colour and a shape per encoder."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from replication.report.figures.cold_start import GROUPS
from replication.report.figures.theme import LIGHT, Theme, auc_scale

CHANCE = 0.5
# Okabe and Ito's colours, darkened or lightened to a contrast with the page of 3 or more.
ON_LIGHT = (
    "#0072b2", "#d55e00", "#007a5a", "#b0578f", "#9a6b00", "#2a89bd", "#1f2328", "#857a00",
)  # fmt: skip
ON_DARK = (
    "#56b4e9", "#e69f00", "#00b383", "#cc79a7", "#e2711d", "#4a90d9", "#e6edf3", "#f0e442",
)  # fmt: skip
# One fewer than there are colours, so that the pairs repeat late.
SHAPES = (
    "circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right",
)  # fmt: skip


def shared_scale(dots: Sequence[dict[str, Any]]) -> alt.Scale:
    """An axis that holds every dot with its interval, and chance."""
    values = [dot[key] for dot in dots for key in ("auc", "low", "high")]
    return auc_scale([CHANCE, *(value for value in values if value is not None)])


def group_dots(
    dots: Sequence[dict[str, Any]],
    encoders: Sequence[str],
    scale: alt.Scale,
    theme: Theme,
    title: str,
) -> alt.LayerChart:
    """A panel.

    dots      encoder, group (1 to 5), auc, low, high (None: not known), verdict
    encoders  all that any panel shows, so that each has its colour and shape in all of them
    """
    numbers = dict.fromkeys(("auc", "low", "high"), float)
    schema = {"encoder": str, "group": int, **numbers, "verdict": str}
    frame = pl.DataFrame([{k: dot[k] for k in schema} for dot in dots], schema=schema)
    colours = ON_LIGHT if theme is LIGHT else ON_DARK
    names = list(encoders)

    def repeated(values: Sequence[str]) -> list[str]:
        return [values[i % len(values)] for i in range(len(names))]

    y = {"scale": scale, "title": "AUC"}
    base = alt.Chart(frame).encode(
        x=alt.X("group:O", title=GROUPS, scale=alt.Scale(domain=[1, 2, 3, 4, 5])).axis(
            labelAngle=0
        ),
        xOffset=alt.XOffset("encoder:N", sort=names, scale=alt.Scale(domain=names)),
        color=alt.Color(
            "encoder:N", title=None, scale=alt.Scale(domain=names, range=repeated(colours))
        ),
        tooltip=[
            "encoder:N",
            "group:O",
            alt.Tooltip("auc:Q", title="AUC", format=".4f"),
            alt.Tooltip("low:Q", format=".3f"),
            alt.Tooltip("high:Q", format=".3f"),
            "verdict:N",
        ],
    )
    chance = alt.Chart(pl.DataFrame({"auc": [CHANCE]})).mark_rule(
        color=theme.text, strokeDash=[4, 3]
    )
    shape = alt.Shape(
        "encoder:N", title=None, scale=alt.Scale(domain=names, range=repeated(SHAPES))
    )
    return alt.layer(
        chance.encode(y=alt.Y("auc:Q", **y)),
        base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q", **y), y2="high:Q"),
        base.mark_point(filled=True, size=50, opacity=1).encode(y=alt.Y("auc:Q", **y), shape=shape),
    ).properties(height=320, title=alt.Title(title, color=theme.text))
