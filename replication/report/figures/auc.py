"""AUC of every experiment."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import altair as alt
import polars as pl

from replication.report.figures.theme import (
    DASHES,
    Theme,
    auc_scale,
    layered,
    nothing_yet,
    spelled,
    tuning_colour,
    tuning_shape,
)
from replication.report.names import encoder_name
from replication.report.study import EXPERIMENT

CHANCE = 0.5
TICKS = 7  # at most ten are drawn
LINES = ("popularity", "ceiling")


def auc_figure(
    cells: Sequence[dict[str, Any]], baselines: dict[str, Any], theme: Theme
) -> alt.TopLevelMixin:
    """AUC with its 95 % interval: a panel per recommender, a row per encoder, panels of several
    protocols below each other.

    cells: the experiments of comparison.json; what has not been run is left out. The references
    are lines across each panel.
    """
    rows = [
        {
            **{key: cell[key] for key in EXPERIMENT},
            "value": cell["metrics"]["auc"]["ours"],
            "low": cell["metrics"]["auc"]["ci95"][0],
            "high": cell["metrics"]["auc"]["ci95"][1],
        }
        for cell in cells
        if cell["metrics"]["auc"]["ci95"]
    ]
    if not rows:
        return nothing_yet(theme)
    lines = {name: baselines[name]["auc"] for name in LINES if baselines.get(name)}
    ends = [row[end] for row in rows for end in ("low", "high")]
    scale = auc_scale([*ends, *lines.values(), CHANCE])
    recommenders = dict.fromkeys(cell["recommender"] for cell in cells)
    protocols = dict.fromkeys(cell["protocol"] for cell in cells)
    encoders = list(dict.fromkeys(cell["encoder"] for cell in cells))
    panels = [
        [
            panel(
                [r for r in rows if (r["recommender"], r["protocol"]) == (name, protocol)],
                encoders,
                lines,
                scale,
                theme,
                name.upper() if len(protocols) == 1 else f"{name.upper()}, {protocol}",
            )
            for name in recommenders
        ]
        for protocol in protocols
    ]
    return alt.vconcat(*(alt.hconcat(*row, spacing=25) for row in panels), spacing=25)


def panel(
    rows: Sequence[Mapping[str, Any]],
    encoders: Sequence[str],
    lines: Mapping[str, float],
    scale: alt.Scale,
    theme: Theme,
    title: str,
    measure: str = "AUC",
    width: int | Literal["container"] = 240,
    axis: alt.Axis | None = None,
) -> alt.LayerChart:
    """One recommender: a row per encoder, a point and its interval per tuning.

    rows   encoder, tuning, value, low, high; a missing end draws no interval
    lines  references, of `DASHES`, by name: their value
    axis   how the encoders are named
    """
    names = ("encoder", "tuning", "value", "low", "high")
    schema = {name: float if name in ("value", "low", "high") else str for name in names}
    frame = pl.DataFrame([{k: row[k] for k in schema} for row in rows], schema=schema)
    y = alt.Y("encoder:N", scale=alt.Scale(domain=encoders), sort=encoders, title=None)
    base = alt.Chart(frame).encode(
        y=y.axis(axis or alt.Axis(labelExpr=spelled({e: encoder_name(e) for e in encoders}))),
        yOffset=alt.YOffset("tuning:N", sort=list(theme.tunings)),
        color=tuning_colour(theme),
        tooltip=[
            alt.Tooltip("encoder:N"),
            alt.Tooltip("tuning:N"),
            alt.Tooltip("value:Q", title=measure, format=".4f"),
            alt.Tooltip("low:Q", format=".3f"),
            alt.Tooltip("high:Q", format=".3f"),
        ],
    )
    layers = []
    for name, value in lines.items():
        colour = theme.references[name]
        line = alt.Chart(pl.DataFrame({"value": [value], "name": [name]})).encode(
            x=alt.X("value:Q", scale=scale, title=measure).axis(tickCount=TICKS),
            tooltip=[alt.Tooltip("name:N"), alt.Tooltip("value:Q", title=measure, format=".4f")],
        )
        layers.append(line.mark_rule(color=colour, strokeDash=DASHES[name], strokeWidth=1.5))
        # Random and popular are near each other: their names stand above each other.
        above = -15 if name == "random" else -4
        label = line.mark_text(color=colour, dy=above, fontSize=11, baseline="bottom")
        layers.append(label.encode(text="name:N", y=alt.value(0)))
    x = alt.X("low:Q", title=measure).axis(tickCount=TICKS)
    layers.append(base.mark_rule(strokeWidth=2).encode(x=x, x2="high:Q"))
    points = base.mark_point(filled=True, size=70, opacity=1)
    x = alt.X("value:Q", scale=scale, title=measure).axis(tickCount=TICKS)
    layers.append(points.encode(x=x, shape=tuning_shape()))
    offset = 29 if "random" in lines else 18
    return layered(*layers).properties(
        width=width, height=alt.Step(16), title=alt.Title(title, offset=offset, color=theme.text)
    )
