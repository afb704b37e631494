"""Quality over cost, and the line of those that nothing beats in both."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import altair as alt
import polars as pl

from replication.report.figures.cost import DODGE, LETTER, ticks
from replication.report.figures.theme import (
    RECOMMENDER_SHAPES,
    Theme,
    auc_scale,
    layered,
    spelled,
    tuning_legend,
)
from replication.report.names import encoder_name, recommender_name

HEIGHT = 300
NARROW = 300  # pixels of the plot on a telephone: labels that part there part everywhere
LINE = 14  # pixels of a label's height
SHIFT = 10  # pixels from a mark to its label
DOT = 5  # pixels from the middle of a mark to its edge
FAINT = 0.35
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [10, 5])


class Spot(NamedTuple):
    """Where a label stands: which of its ends is at the mark, and how many pixels below it."""

    align: Literal["right", "left"]
    down: int


SPOTS = (Spot("right", -9), Spot("left", -9), Spot("left", 12), Spot("right", 12))


@dataclass(frozen=True)
class Mark:
    """A point of the chart.

    kind    letter of its kind of hardware; empty where all are of one
    ranked  whether it counts for a line; the others are faint
    """

    recommender: str
    encoder: str
    tuning: str
    cost: float
    quality: float
    ci95: tuple[float, float] | None
    kind: str
    machine: str
    ranked: bool
    state: str


def pareto(
    marks: Sequence[Mark],
    lines: Mapping[str, Sequence[Mark]],
    cost: str,
    quality: str,
    recommenders: Sequence[str],
    theme: Theme,
) -> alt.LayerChart:
    """lines: by kind of hardware, the marks of its line, the cheapest first. cost, quality: titles.
    recommenders: all that there are, so that each keeps its shape whatever is shown. There must be
    a mark."""
    costs = [mark.cost for mark in marks]
    low, high = min(costs) / 1.4, max(costs) * 1.4
    x = alt.X("cost:Q", title=f"{cost} (log scale)").scale(
        type="log", domain=[low, high], nice=False
    ).axis(values=ticks(low, high), labelExpr=_short(cost))  # fmt: skip
    ends = [end for mark in marks for end in (mark.ci95 or (mark.quality,))]
    scale = auc_scale(ends)
    y: dict[str, Any] = {"scale": scale, "title": quality}
    frame = pl.DataFrame([_row(mark) for mark in marks], schema=_SCHEMA)
    layers = [_line(line, i, x, y, theme) for i, line in enumerate(lines.values())]
    shapes = [RECOMMENDER_SHAPES[i % len(RECOMMENDER_SHAPES)] for i in range(len(recommenders))]
    for tuning, shift in DODGE.items():
        base = alt.Chart(frame.filter(pl.col("tuning") == tuning)).encode(
            x=x,
            opacity=alt.condition("datum.ranked", alt.value(1), alt.value(FAINT)),
            tooltip=_tooltip(cost, quality),
        )
        outline = alt.Stroke(
            "tuning:N", scale=_filled(theme), title="tuning", legend=tuning_legend()
        )
        bars = base.mark_rule(strokeWidth=1.2, xOffset=shift).encode(stroke=outline)
        layers.append(bars.encode(y=alt.Y("low:Q", **y), y2="high:Q"))
        dots = base.mark_point(size=90, xOffset=shift, strokeWidth=1.8)
        layers.append(
            dots.encode(
                y=alt.Y("quality:Q", **y),
                fill=alt.Fill(
                    "tuning:N",
                    scale=_filled(theme, inside=True),
                    title="tuning",
                    legend=tuning_legend(),
                ),
                stroke=outline,
                shape=alt.Shape(
                    "recommender:N",
                    scale=alt.Scale(domain=list(recommenders), range=shapes),
                    title="recommender",
                    legend=alt.Legend(
                        symbolFillColor=theme.text,
                        labelExpr=spelled({r: recommender_name(r) for r in recommenders}),
                    )
                    if len({mark.recommender for mark in marks}) > 1
                    else None,
                ),
            )
        )
        if any(mark.kind for mark in marks):
            letters = base.mark_text(align="left", dx=9 + shift, fontSize=10, color=theme.text)
            layers.append(letters.encode(y=alt.Y("quality:Q", **y), text="kind:N"))
    box = (math.log(low), math.log(high)), tuple(scale["domain"])
    line = [mark for of in lines.values() for mark in of]
    alone = len({mark.recommender for mark in marks}) == 1  # there is room for every encoder's name
    spots = labelled(marks if alone else line, *box, marks)
    layers += [_label(mark, spot, x, y, theme) for mark, spot in spots]
    return layered(*layers).properties(height=HEIGHT)


def labelled(
    marks: Sequence[Mark],
    across: tuple[float, float],
    up: tuple[float, float],
    others: Sequence[Mark] = (),
) -> list[tuple[Mark, Spot]]:
    """A mark of each encoder whose name finds room beside it, so that none overlaps another, nor
    one of `others`, on the narrowest page; the best marks come first.

    across, up: the ends of the axes, the first in logarithms.
    """

    def place(mark: Mark) -> tuple[float, float]:
        at = NARROW * (math.log(mark.cost) - across[0]) / (across[1] - across[0])
        return at, HEIGHT * (mark.quality - up[0]) / (up[1] - up[0])

    dots = {id(mark): place(mark) for mark in others}
    labels: list[tuple[float, float, float]] = []
    found: list[tuple[Mark, Spot]] = []
    for mark in sorted(marks, key=lambda mark: -mark.quality):
        if mark.encoder in {named.encoder for named, _ in found}:
            continue
        at, height = place(mark)
        taken = [(x - DOT, x + DOT, y) for key, (x, y) in dots.items() if key != id(mark)] + labels
        width = LETTER * len(encoder_name(mark.encoder))
        for spot in SPOTS:
            start = at - SHIFT - width if spot.align == "right" else at + SHIFT
            middle = height - spot.down
            free = all(
                end <= start or start + width <= begin or abs(middle - other) >= LINE
                for begin, end, other in taken
            )
            if free and start >= 0 and start + width <= NARROW:
                labels.append((start, start + width, middle))
                found.append((mark, spot))
                break
    return found


_SCHEMA = {
    "recommender": str, "encoder": str, "tuning": str, "cost": float, "quality": float,
    "low": float, "high": float, "kind": str, "hardware": str, "ranked": bool, "state": str,
}  # fmt: skip


def _row(mark: Mark) -> dict[str, object]:
    low, high = mark.ci95 or (None, None)
    return {
        "recommender": mark.recommender, "encoder": encoder_name(mark.encoder),
        "tuning": mark.tuning,
        "cost": mark.cost, "quality": mark.quality, "low": low, "high": high, "kind": mark.kind,
        "hardware": mark.machine, "ranked": mark.ranked, "state": mark.state,
    }  # fmt: skip


def _filled(theme: Theme, inside: bool = False) -> alt.Scale:
    """Colour by tuning, of a symbol's outline or its inside: a frozen encoder's is hollow."""
    colours = theme.tunings | ({"frozen": theme.background} if inside else {})
    return alt.Scale(domain=list(colours), range=list(colours.values()))


def _tooltip(cost: str, quality: str) -> list[alt.Tooltip]:
    return [
        *(alt.Tooltip(f"{name}:N") for name in ("recommender", "encoder", "tuning")),
        alt.Tooltip("cost:Q", title=cost, format=",.4~f"),
        alt.Tooltip("quality:Q", title=quality, format=".4f"),
        *(alt.Tooltip(f"{name}:Q", format=".4f") for name in ("low", "high")),
        *(alt.Tooltip(f"{name}:N") for name in ("hardware", "state")),
    ]


def _line(marks: Sequence[Mark], i: int, x: alt.X, y: dict[str, Any], theme: Theme) -> alt.Chart:
    """In steps: between two experiments, the cheaper is the best that the cost buys."""
    return (
        alt.Chart(pl.DataFrame([_row(mark) for mark in marks], schema=_SCHEMA))
        .mark_line(
            interpolate="step-after", color=theme.text, strokeWidth=1.2, opacity=0.6,
            strokeDash=DASHES[i % len(DASHES)],
        )
        .encode(x=x, y=alt.Y("quality:Q", **y), order="cost:Q")
    )  # fmt: skip


def _label(mark: Mark, spot: Spot, x: alt.X, y: dict[str, Any], theme: Theme) -> alt.Chart:
    text = alt.Chart(pl.DataFrame([_row(mark)], schema=_SCHEMA)).mark_text(
        align=spot.align, dx=-SHIFT if spot.align == "right" else SHIFT, dy=spot.down,
        fontSize=11, color=theme.text,
    )  # fmt: skip
    return text.encode(x=x, y=alt.Y("quality:Q", **y), text=alt.value(encoder_name(mark.encoder)))


def _short(cost: str) -> str:
    if "parameters" in cost:
        return "replace(format(datum.value, '~s'), 'G', 'B')"
    return "format(datum.value, ',.4~g')"
