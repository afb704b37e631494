"""What the largest language model gains in each group of users."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from replication.report.figures.theme import Theme, nothing_yet, tuning_colour, tuning_shape


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
    ends = [p[end] for p in points for end in ("low", "high")]
    scale = alt.Scale(domain=[min([0.0, *ends]), max([0.0, *ends])], nice=True)
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
            panel = _panel(
                inside,
                scale,
                theme,
                label if name == recommenders[0] else None,
                "group (1: fewest clicks)" if (protocol, minus) == rows[-1] else None,
            )
            if (protocol, minus) == rows[0]:
                panel = panel.properties(title=alt.Title(name.upper(), color=theme.text))
            panels.append(panel)
        grid.append(alt.hconcat(*panels, spacing=0))
    return alt.vconcat(*grid, spacing=8)


def _panel(
    points: list[dict[str, Any]],
    scale: alt.Scale,
    theme: Theme,
    y_title: str | None,
    x_title: str | None,
) -> alt.LayerChart:
    schema = {"group": int, "tuning": str, "difference": float, "low": float, "high": float}
    frame = pl.DataFrame([{k: p[k] for k in schema} for p in points], schema=schema)
    tunings = list(theme.tunings)
    across = alt.X("group:O", title=x_title, scale=alt.Scale(domain=[1, 2, 3, 4, 5])).axis(
        labelAngle=0, labels=x_title is not None, ticks=x_title is not None
    )
    base = alt.Chart(frame).encode(
        x=across,
        xOffset=alt.XOffset("tuning:N", sort=tunings, scale=alt.Scale(domain=tunings)),
        color=tuning_colour(theme),
    )
    axis = alt.Axis(
        labelOpacity=1 if y_title else 0, titleAngle=0, titleAlign="right", titleX=-50, tickCount=4
    )
    up = {"scale": scale, "title": y_title, "axis": axis}
    zero = alt.Chart(pl.DataFrame({"zero": [0.0]})).mark_rule(color=theme.text, strokeWidth=1)
    return alt.layer(
        zero.encode(y=alt.Y("zero:Q", **up)),
        base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", **up), y2="high:Q"),
        base.mark_point(filled=True, size=45, opacity=1).encode(
            y=alt.Y("difference:Q", **up), shape=tuning_shape()
        ),
    ).properties(width=190, height=75)
