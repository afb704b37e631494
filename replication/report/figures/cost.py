"""Quality against the number of parameters."""

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from replication.report.figures.theme import (
    RECOMMENDER_SHAPES,
    Theme,
    auc_scale,
    layered,
    nothing_yet,
    tuning_colour,
)
from replication.report.names import encoder_name

WIDTH = 560
LETTER = 6.2  # pixels of a letter of the labels, at most
DODGE = {"frozen": -3, "finetuned": 3}  # pixels, so that two tunings of one size stand apart


def cost_figure(points: Sequence[dict[str, Any]], theme: Theme) -> alt.TopLevelMixin:
    """AUC with its interval over the parameters of recommender and language model together.

    A panel per recommender, whose shape its points have, filled by tuning; panels of several
    protocols beside each other; the encoders' names stand above each.
    points: recommender, encoder, tuning, protocol, parameters, auc, low, high.
    """
    if not points:
        return nothing_yet(theme)
    recommenders = list(dict.fromkeys(p["recommender"] for p in points))
    protocols = list(dict.fromkeys(p["protocol"] for p in points))
    width = WIDTH if len(protocols) < 2 else WIDTH - 120
    sizes = [p["parameters"] for p in points]
    across = alt.Scale(type="log", domain=[min(sizes) / 1.6, max(sizes) * 1.6], nice=False)
    scale = auc_scale([p[end] for p in points for end in ("low", "high")])
    columns = []
    for protocol in protocols:
        inside = [p for p in points if p["protocol"] == protocol]
        panels: list[alt.Chart | alt.LayerChart] = []
        for i, name in enumerate(recommenders):
            here = [p for p in inside if p["recommender"] == name]
            panels += [
                _names(here, across, width, theme),
                _panel(
                    here,
                    across,
                    scale,
                    width,
                    theme,
                    RECOMMENDER_SHAPES[i % len(RECOMMENDER_SHAPES)],
                    f"AUC, {name.upper()}",
                    "parameters (log scale)" if name == recommenders[-1] else None,
                ),
            ]
        column = alt.vconcat(*panels, spacing=4)
        if len(protocols) > 1:
            column = column.properties(title=alt.Title(protocol, color=theme.text))
        columns.append(column)
    return alt.hconcat(*columns, spacing=25)


def label_rows(places: Sequence[tuple[float, str]]) -> list[int]:
    """The row of each label, 0 the lowest, so that none overlaps another.

    places: the middle in pixels and the text of each, from left to right.
    """
    ends: list[float] = []
    rows = []
    for middle, text in places:
        half = LETTER * len(text) / 2
        row = next((i for i, end in enumerate(ends) if end < middle - half), len(ends))
        ends[row : row + 1] = [middle + half + LETTER]
        rows.append(row)
    return rows


def _names(points: list[dict[str, Any]], across: alt.Scale, width: int, theme: Theme) -> alt.Chart:
    """Each encoder's name over the middle of its points."""
    sizes: dict[str, list[float]] = {}
    for point in points:
        sizes.setdefault(point["encoder"], []).append(math.log(point["parameters"]))
    middles = sorted((math.exp(sum(s) / len(s)), name) for name, s in sizes.items())
    low, high = across["domain"]
    pixels = [width * math.log(size / low) / math.log(high / low) for size, _ in middles]
    names = [encoder_name(name) for _, name in middles]
    rows = label_rows(list(zip(pixels, names, strict=True)))
    height = 15 * (1 + max(rows, default=0))
    frame = pl.DataFrame(
        {
            "parameters": [size for size, _ in middles],
            "encoder": names,
            "y": [height - 15 * row for row in rows],
        },
        schema={"parameters": float, "encoder": str, "y": float},
    )
    return (
        alt.Chart(frame)
        .mark_text(color=theme.text, fontSize=11, baseline="bottom")
        .encode(
            x=alt.X("parameters:Q", scale=across, axis=None),
            y=alt.Y("y:Q", scale=None, axis=None),
            text="encoder:N",
        )
        .properties(width=width, height=height, view=alt.ViewConfig(stroke=None))
    )


def ticks(low: float, high: float) -> list[float]:
    """Powers of ten, and between them 2 and 5 times these where there is room."""
    steps = (1, 2, 5) if high / low < 300 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps]
    return [tick for tick in ticks if low <= tick <= high]


def _panel(
    points: list[dict[str, Any]],
    across: alt.Scale,
    scale: alt.Scale,
    width: int,
    theme: Theme,
    shape: str,
    y_title: str,
    x_title: str | None,
) -> alt.LayerChart:
    schema = {"tuning": str, "parameters": float, "auc": float, "low": float, "high": float}
    frame = pl.DataFrame([{k: p[k] for k in schema} for p in points], schema=schema)
    x = alt.X("parameters:Q", scale=across, title=x_title).axis(
        values=ticks(*across["domain"]),
        labelExpr="replace(format(datum.value, '~s'), 'G', 'B')",
        labels=x_title is not None,
    )
    colour = tuning_colour(theme, "tuning (frozen is hollow)")
    layers = []
    for tuning, shift in DODGE.items():
        base = alt.Chart(frame.filter(pl.col("tuning") == tuning)).encode(x=x, color=colour)
        rule = base.mark_rule(strokeWidth=1.5, xOffset=shift)
        layers.append(rule.encode(y=alt.Y("low:Q", scale=scale, title=y_title), y2="high:Q"))
        hollow: dict[str, Any] = (
            {"filled": False, "fill": theme.background} if tuning == "frozen" else {}
        )
        mark: dict[str, Any] = {
            "shape": shape,
            "size": 60,
            "opacity": 1,
            "xOffset": shift,
            "filled": True,
        } | hollow
        layers.append(base.mark_point(**mark).encode(y=alt.Y("auc:Q", scale=scale, title=y_title)))
    return layered(*layers).properties(width=width, height=120)
