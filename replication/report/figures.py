"""Figures of the report, by Altair; each is written as SVG and PNG."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl

from replication.report.results import Cell

# Okabe-Ito colours, distinct for colour-blind readers; shape repeats what colour says.
TUNINGS = {"frozen": ("#0072B2", "circle"), "finetuned": ("#D55E00", "square")}
REFERENCES = {"popularity": ("#555555", [2, 2]), "ceiling": ("#007A5A", [6, 3])}


def auc_figure(cells: Sequence[Cell], baselines: dict[str, Any], title: str) -> alt.HConcatChart:
    """AUC with its 95 % interval: a panel per recommender, a row per encoder.

    Cells that have not been run are left out; the references are lines across each panel.
    """
    rows = [
        {
            "recommender": cell.recommender.upper(),
            "encoder": cell.encoder,
            "tuning": cell.tuning,
            "auc": cell.metrics["auc"],
            "low": cell.metrics["ci95"]["auc"][0],
            "high": cell.metrics["ci95"]["auc"][1],
        }
        for cell in cells
        if cell.metrics and cell.metrics["ci95"]["auc"]
    ]
    lines = {name: baselines[name]["auc"] for name in REFERENCES if baselines.get(name)}
    ends = [*(row["low"] for row in rows), *(row["high"] for row in rows), *lines.values(), 0.5]
    scale = alt.Scale(domain=[min(ends) - 0.01, max(ends) + 0.02], nice=False, zero=False)
    recommenders = dict.fromkeys(cell.recommender.upper() for cell in cells)
    panels = [
        _panel([row for row in rows if row["recommender"] == name], lines, scale, name)
        for name in recommenders
    ]
    return (
        alt.hconcat(*panels, spacing=25)
        .properties(title=alt.Title(title, anchor="start", offset=12), background="white")
        .properties(padding=12)
        .configure_axis(labelFontSize=12, titleFontSize=12, labelLimit=200)
        .configure_legend(orient="bottom", labelFontSize=12, titleFontSize=12)
    )


def _panel(
    rows: list[dict[str, Any]], lines: dict[str, float], scale: alt.Scale, title: str
) -> alt.LayerChart:
    tunings = list(TUNINGS)
    colours = alt.Scale(domain=tunings, range=[TUNINGS[t][0] for t in tunings])
    shapes = alt.Scale(domain=tunings, range=[TUNINGS[t][1] for t in tunings])
    schema = {"encoder": str, "tuning": str, "auc": float, "low": float, "high": float}
    frame = pl.DataFrame([{k: row[k] for k in schema} for row in rows], schema=schema)
    base = alt.Chart(frame).encode(
        y=alt.Y("encoder:N", sort=list(dict.fromkeys(row["encoder"] for row in rows)), title=None),
        yOffset=alt.YOffset("tuning:N", sort=tunings),
        color=alt.Color("tuning:N", scale=colours, title="tuning"),
    )
    layers = []
    for name, value in lines.items():
        colour, dash = REFERENCES[name]
        line = alt.Chart(pl.DataFrame({"auc": [value], "name": [name]})).encode(
            x=alt.X("auc:Q", scale=scale, title="AUC")
        )
        layers.append(line.mark_rule(color=colour, strokeDash=dash, strokeWidth=1.5))
        label = line.mark_text(color=colour, dy=-7, fontSize=11, baseline="bottom")
        layers.append(label.encode(text="name:N", y=alt.value(0)))
    layers.append(base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title="AUC"), x2="high:Q"))
    points = base.mark_point(filled=True, size=70, opacity=1)
    layers.append(points.encode(x="auc:Q", shape=alt.Shape("tuning:N", scale=shapes)))
    return alt.layer(*layers).properties(
        width=240, height=alt.Step(16), title=alt.Title(title, offset=16)
    )


def save_figure(chart: alt.HConcatChart, folder: Path, name: str) -> None:
    """Write `<name>.svg` and `<name>.png` (twice the screen's resolution)."""
    chart.save(folder / f"{name}.svg")
    chart.save(folder / f"{name}.png", scale_factor=2)
