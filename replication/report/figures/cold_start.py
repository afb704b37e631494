"""What the largest language model gains in each group of users."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from replication.report.figures.theme import (
    Theme,
    layered,
    nothing_yet,
    tuning_colour,
    tuning_shape,
)
from replication.report.study import FIFTHS

GROUPS = "group (1: fewest clicks)"


def cold_start_figure(points: Sequence[dict[str, Any]], theme: Theme) -> alt.TopLevelMixin:
    """Difference of AUC with its interval by group: a column of panels per recommender, a row per
    smaller model (and protocol, where there are several), a line at zero.

    points: recommender, tuning, protocol, minus, group (1 to 5), difference, low, high.
    """
    if not points:
        return nothing_yet(theme)
    recommenders = list(dict.fromkeys(p["recommender"] for p in points))
    several = len({p["protocol"] for p in points}) > 1
    rows = list(dict.fromkeys((p["protocol"], p["minus"]) for p in points))
    scale = shared_scale(points)
    grid = []
    for protocol, minus in rows:
        panels = []
        for name in recommenders:
            inside = [
                p
                for p in points
                if (p["recommender"], p["protocol"], p["minus"]) == (name, protocol, minus)
            ]
            label = f"minus {minus}, {protocol}" if several else f"minus {minus}"
            first = name == recommenders[0]
            axis = alt.Axis(
                labelOpacity=int(first), titleAngle=0, titleAlign="right", titleX=-50, tickCount=4
            )
            y = {"scale": scale, "title": label if first else None, "axis": axis}
            drawn = panel(inside, _groups((protocol, minus) == rows[-1]), y, theme)
            if (protocol, minus) == rows[0]:
                drawn = drawn.properties(title=alt.Title(name.upper(), color=theme.text))
            panels.append(drawn.properties(width=190, height=75))
        grid.append(alt.hconcat(*panels, spacing=0))
    return alt.vconcat(*grid, spacing=8)


def shared_scale(points: Sequence[dict[str, Any]]) -> alt.Scale:
    """An axis that holds every interval, and zero."""
    ends = [p[end] for p in points for end in ("low", "high")]
    return alt.Scale(domain=[min([0.0, *ends]), max([0.0, *ends])], nice=True)


def _groups(named: bool) -> alt.X:
    """The groups' axis; `named` where their names are to be read."""
    across = alt.X("group:O", title=GROUPS if named else None)
    scale = alt.Scale(domain=[str(group) for group in FIFTHS])
    return across.scale(scale).axis(labelAngle=0, labels=named, ticks=named)


def panel(
    points: Sequence[dict[str, Any]], x: alt.X, y: dict[str, Any], theme: Theme
) -> alt.LayerChart:
    """Differences by group; points: as for `cold_start_figure`.

    x  the axis of field `group`, which is text
    y  scale, title and whatever else the axis is to have
    A point whose `significant` is False is drawn hollow.
    """
    numbers = dict.fromkeys(("difference", "low", "high"), float)
    schema = {"group": str, "tuning": str, **numbers, "significant": bool}
    rows = [{"significant": True} | p | {"group": str(p["group"])} for p in points]
    frame = pl.DataFrame([{k: row[k] for k in schema} for row in rows], schema=schema)
    tunings = list(theme.tunings)
    base = alt.Chart(frame).encode(
        x=x,
        xOffset=alt.XOffset("tuning:N", sort=tunings, scale=alt.Scale(domain=tunings)),
        color=tuning_colour(theme),
        tooltip=[
            "group:O",
            "tuning:N",
            *(alt.Tooltip(f"{name}:Q", format="+.4f") for name in numbers),
        ],
    )
    zero = alt.Chart(pl.DataFrame({"zero": [0.0]})).mark_rule(color=theme.text, strokeWidth=1)
    height = alt.Y("difference:Q", **y)
    layers = [
        zero.encode(y=alt.Y("zero:Q", **y)),
        base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", **y), y2="high:Q"),
        base.mark_point(filled=True, size=45, opacity=1).encode(y=height, shape=tuning_shape()),
    ]
    if not all(row["significant"] for row in rows):
        hole = base.transform_filter("!datum.significant").mark_point(
            filled=True, size=12, opacity=1
        )
        layers.append(
            hole.encode(y=height, shape=tuning_shape(), color=alt.value(theme.background))
        )
    return layered(*layers)
