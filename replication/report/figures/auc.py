"""AUC of every experiment."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from replication.report.figures.theme import (
    DASHES,
    Theme,
    auc_scale,
    nothing_yet,
    tuning_colour,
    tuning_shape,
)
from replication.report.study import PLACE

CHANCE = 0.5


def auc_figure(
    cells: Sequence[dict[str, Any]], baselines: dict[str, Any], theme: Theme
) -> alt.TopLevelMixin:
    """AUC with its 95 % interval: a panel per recommender, a row per encoder, panels of several
    protocols below each other.

    cells: those of comparison.json; what has not been run is left out. The references are lines
    across each panel.
    """
    rows = [
        {
            **{key: cell[key] for key in PLACE},
            "auc": cell["metrics"]["auc"]["ours"],
            "low": cell["metrics"]["auc"]["ci95"][0],
            "high": cell["metrics"]["auc"]["ci95"][1],
        }
        for cell in cells
        if cell["metrics"]["auc"]["ci95"]
    ]
    if not rows:
        return nothing_yet(theme)
    lines = {name: baselines[name]["auc"] for name in DASHES if baselines.get(name)}
    ends = [row[end] for row in rows for end in ("low", "high")]
    scale = auc_scale([*ends, *lines.values(), CHANCE])
    recommenders = dict.fromkeys(cell["recommender"] for cell in cells)
    protocols = dict.fromkeys(cell["protocol"] for cell in cells)
    encoders = list(dict.fromkeys(cell["encoder"] for cell in cells))
    panels = [
        [
            _panel(
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


def _panel(
    rows: list[dict[str, Any]],
    encoders: list[str],
    lines: dict[str, float],
    scale: alt.Scale,
    theme: Theme,
    title: str,
) -> alt.LayerChart:
    names = ("encoder", "tuning", "auc", "low", "high")
    schema = {name: float if name in ("auc", "low", "high") else str for name in names}
    frame = pl.DataFrame([{k: row[k] for k in schema} for row in rows], schema=schema)
    base = alt.Chart(frame).encode(
        y=alt.Y("encoder:N", scale=alt.Scale(domain=encoders), sort=encoders, title=None),
        yOffset=alt.YOffset("tuning:N", sort=list(theme.tunings)),
        color=tuning_colour(theme),
    )
    layers = []
    for name, value in lines.items():
        colour = theme.references[name]
        line = alt.Chart(pl.DataFrame({"auc": [value], "name": [name]})).encode(
            x=alt.X("auc:Q", scale=scale, title="AUC")
        )
        layers.append(line.mark_rule(color=colour, strokeDash=DASHES[name], strokeWidth=1.5))
        label = line.mark_text(color=colour, dy=-4, fontSize=11, baseline="bottom")
        layers.append(label.encode(text="name:N", y=alt.value(0)))
    layers.append(base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title="AUC"), x2="high:Q"))
    points = base.mark_point(filled=True, size=70, opacity=1)
    layers.append(points.encode(x=alt.X("auc:Q", scale=scale, title="AUC"), shape=tuning_shape()))
    return alt.layer(*layers).properties(
        width=240, height=alt.Step(16), title=alt.Title(title, offset=18, color=theme.text)
    )
