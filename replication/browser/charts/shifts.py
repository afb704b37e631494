"""What each deviation does to the AUC of one pair, beside what another seed does."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from replication.browser.content.audits import Shift
from replication.browser.names import deviation_name
from replication.report.figures.theme import (
    SHAPES,
    Theme,
    auc_scale,
    layered,
    tuning_colour,
    tuning_legend,
    tuning_shape,
)
from replication.study.protocol import DEVIATIONS

ROW = 30  # pixels
LABELS = {name: deviation_name(name) for name in DEVIATIONS}
SAID = {
    True: "shown to move AUC",
    False: "not told from chance",
    None: "chance is not known",
}


def domain(shifts: Sequence[Shift], band: float | None) -> tuple[float, float]:
    """Ends of an axis that holds all intervals, zero, and the band."""
    ends = [0.0, *((-band, band) if band else ())]
    ends += [end for shift in shifts for end in (shift.ci95 or ())]
    ends += [shift.difference for shift in shifts if shift.difference is not None]
    low, high = auc_scale(ends)["domain"]
    return low, high


def shifts_chart(
    shifts: Sequence[Shift], band: float | None, ends: tuple[float, float], title: str, theme: Theme
) -> alt.LayerChart:
    """A row per deviation, zero and the band of chance behind; what stands out of chance is filled.

    band: half its width; ends: of the axis, which panels share.
    """
    flipped = {shift.deviation for shift in shifts}
    labels = [label for name, label in LABELS.items() if name in flipped]
    scale = alt.Scale(domain=list(ends), nice=False, zero=False)
    x: dict[str, Any] = {
        "scale": scale,
        "title": title,
        "axis": alt.Axis(format="+.2f", tickCount=6),
    }
    y = alt.Y("deviation:N", sort=labels, scale=alt.Scale(domain=labels), title=None)
    layers = []
    if band is not None:
        frame = pl.DataFrame({"low": [-band], "high": [band]})
        rect = alt.Chart(frame).mark_rect(color=theme.references["popularity"], opacity=0.18)
        layers.append(rect.encode(x=alt.X("low:Q", **x), x2="high:Q"))
    zero = alt.Chart(pl.DataFrame({"zero": [0.0]})).mark_rule(color=theme.text, strokeWidth=1)
    layers.append(zero.encode(x=alt.X("zero:Q", **x)))
    rows = pl.DataFrame([_row(s) for s in shifts if s.deviation in LABELS], schema=_SCHEMA)
    base = alt.Chart(rows).encode(
        y=y,
        yOffset=alt.YOffset("tuning:N", sort=list(SHAPES), scale=alt.Scale(domain=list(SHAPES))),
        tooltip=[
            alt.Tooltip("deviation:N"),
            alt.Tooltip("tuning:N"),
            *(alt.Tooltip(f"{name}:Q", format="+.4f") for name in ("difference", "low", "high")),
            alt.Tooltip("p:Q", title="p (Holm)", format=".3~g"),
            alt.Tooltip("chance:N", title="size"),
        ],
    )
    colours = tuning_colour(theme)["scale"]
    outline = alt.Stroke("tuning:N", scale=colours, title="tuning", legend=tuning_legend())
    bars = base.mark_rule(strokeWidth=1.5).encode(stroke=outline)
    layers.append(bars.encode(x=alt.X("low:Q", **x), x2="high:Q"))
    inside = alt.Fill("tuning:N", scale=colours, title="tuning", legend=tuning_legend())
    layers.append(
        base.mark_point(size=70, opacity=1).encode(
            x=alt.X("difference:Q", **x),
            shape=tuning_shape(),
            stroke=outline,
            fill=alt.condition("datum.out", inside, alt.value(theme.background)),
        )
    )
    words = alt.Chart(_untouched(shifts)).mark_text(
        align="left", color=theme.text, fontSize=11, opacity=0.75
    )
    layers.append(words.encode(y=y, x=alt.value(6), text="text:N", tooltip="reason:N"))
    return layered(*layers).properties(height=ROW * len(labels))


_SCHEMA = {
    "deviation": str, "tuning": str, "difference": float, "low": float, "high": float, "p": float,
    "out": bool, "chance": str,
}  # fmt: skip


def _row(shift: Shift) -> dict[str, object]:
    low, high = shift.ci95 or (None, None)
    return {
        "deviation": LABELS[shift.deviation], "tuning": shift.tuning,
        "difference": shift.difference, "low": low, "high": high, "p": shift.p_holm,
        "out": bool(shift.stands_out), "chance": SAID[shift.stands_out],
    }  # fmt: skip


def _untouched(shifts: Sequence[Shift]) -> pl.DataFrame:
    """Rows without a figure of either tuning, with what is to be read there."""
    known = {shift.deviation for shift in shifts if shift.difference is not None}
    reasons: dict[str, str] = {}
    for shift in shifts:
        if shift.deviation in LABELS and shift.deviation not in known and shift.untouched:
            reasons[LABELS[shift.deviation]] = shift.untouched
    rows = [
        {"deviation": name, "text": "does not apply", "reason": reason}
        for name, reason in reasons.items()
    ]
    return pl.DataFrame(rows, schema={"deviation": str, "text": str, "reason": str})
