"""Figures of the report, by Altair; each is written as SVG and PNG."""

from pathlib import Path
from typing import Any

import altair as alt
import polars as pl

from replication.report.results import Cell

# Okabe-Ito: distinct for colour-blind readers; shape repeats what colour says.
COLOURS = {"frozen": "#0072B2", "finetuned": "#D55E00"}
SHAPES = {"frozen": "circle", "finetuned": "square"}
REFERENCES = {"popularity": "#666666", "ceiling": "#009E73"}


def auc_figure(cells: list[Cell], baselines: dict[str, Any], title: str) -> alt.Chart | None:
    """AUC with its 95 % interval: a panel per recommender, a row per encoder; None without runs."""
    rows = [
        {
            "recommender": cell.recommender.upper(),
            "encoder": cell.encoder,
            "tuning": cell.tuning,
            "auc": cell.metrics["auc"],
            "low": (cell.metrics["ci95"]["auc"] or [None, None])[0],
            "high": (cell.metrics["ci95"]["auc"] or [None, None])[1],
        }
        for cell in cells
        if cell.metrics and cell.metrics["auc"] is not None
    ]
    if not rows:
        return None
    references = [
        {"reference": name, "auc": baselines[name]["auc"]}
        for name in REFERENCES
        if baselines.get(name)
    ]
    frame = pl.DataFrame(rows)
    values = [*frame["low"].drop_nulls(), *frame["high"].drop_nulls(), *frame["auc"]]
    values += [row["auc"] for row in references]
    domain = [min([0.5, *values]) - 0.005, max(values) + 0.005]
    x = alt.X("auc:Q", title="AUC", scale=alt.Scale(domain=domain, zero=False))
    tuning = alt.Legend(title="tuning")
    encoders = list(dict.fromkeys(row["encoder"] for row in rows))
    tunings = [t for t in COLOURS if t in frame["tuning"]]
    panels = []
    for recommender in dict.fromkeys(row["recommender"] for row in rows):
        base = alt.Chart(frame.filter(pl.col("recommender") == recommender)).encode(
            y=alt.Y("encoder:N", sort=encoders, title=None),
            yOffset=alt.YOffset("tuning:N", sort=tunings),
            color=alt.Color(
                "tuning:N",
                scale=alt.Scale(domain=tunings, range=[COLOURS[t] for t in tunings]),
                legend=tuning,
            ),
        )
        interval = base.mark_rule(strokeWidth=2).encode(
            x=alt.X("low:Q", title="AUC", scale=alt.Scale(domain=domain, zero=False)), x2="high:Q"
        )
        shapes = alt.Scale(domain=tunings, range=[SHAPES[t] for t in tunings])
        dots = base.mark_point(filled=True, size=70, opacity=1).encode(
            x=x, shape=alt.Shape("tuning:N", scale=shapes, legend=tuning)
        )
        layers: list[alt.Chart] = [interval, dots]
        if references:
            names = [row["reference"] for row in references]
            rule = alt.Chart(pl.DataFrame(references)).mark_rule(strokeWidth=1.5)
            dashes = alt.Scale(domain=names, range=[[2, 2], [6, 3]][: len(names)])
            colours = alt.Scale(domain=names, range=[REFERENCES[n] for n in names])
            legend = alt.Legend(title="reference", symbolType="stroke")
            layers.insert(
                0,
                rule.encode(
                    x=x,
                    strokeDash=alt.StrokeDash("reference:N", scale=dashes, legend=legend),
                    stroke=alt.Stroke("reference:N", scale=colours, legend=legend),
                ),
            )
        panels.append(
            alt.layer(*layers)
            .resolve_scale(color="independent", stroke="independent")
            .properties(width=230, height=alt.Step(18), title=recommender)
        )
    return (
        alt.hconcat(*panels)
        .properties(title=title, background="white", padding=12)
        .configure_axis(labelFontSize=12, titleFontSize=12)
        .configure_title(fontSize=13)
    )


def save_figure(chart: alt.Chart, folder: Path, name: str) -> None:
    """Write `<name>.svg` and `<name>.png` (twice the screen's resolution)."""
    chart.save(folder / f"{name}.svg")
    chart.save(folder / f"{name}.png", scale_factor=2)
