"""AUC by the number of fine-tuned layers."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from replication.report.figures.theme import Theme, auc_scale, nothing_yet


def sweep_figure(curves: Sequence[dict[str, Any]], theme: Theme) -> alt.TopLevelMixin:
    """A curve with its band per recommender; a depth that has not been run is a gap.

    curves: those of comparison.json, each with `paper`, the depth to mark or None.
    """
    known = [p for curve in curves for p in curve["curve"] if p["ci95"]]
    if not known:
        return nothing_yet(theme)
    scale = auc_scale([end for point in known for end in point["ci95"]])
    return alt.hconcat(*(_panel(curve, scale, theme) for curve in curves), spacing=25)


def segments(points: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The points that have a figure, numbered by the run of neighbours that they are in."""
    found, segment = [], 0
    for point in points:
        if point["ci95"] is None:
            segment += 1
            continue
        low, high = point["ci95"]
        found.append(
            {"layers": point["layers"], "auc": point["ours"], "low": low, "high": high}
            | {"segment": segment}
        )
    return found


def _panel(curve: dict[str, Any], scale: alt.Scale, theme: Theme) -> alt.LayerChart:
    depths = [point["layers"] for point in curve["curve"]]
    schema = {"layers": int, "auc": float, "low": float, "high": float, "segment": int}
    frame = pl.DataFrame(segments(curve["curve"]), schema=schema)
    across = alt.Scale(domain=[min(depths), max(depths)], nice=False, padding=14)
    x = alt.X("layers:Q", title="fine-tuned layers", scale=across).axis(values=depths, format="d")
    base = alt.Chart(frame).encode(x=x, detail="segment:N")
    colour = theme.tunings["finetuned"]
    y = alt.Y("auc:Q", scale=scale, title="AUC")
    layers = [
        base.mark_area(color=colour, opacity=0.2).encode(
            y=alt.Y("low:Q", scale=scale, title="AUC"), y2="high:Q"
        ),
        base.mark_rule(color=colour).encode(y=alt.Y("low:Q", title="AUC"), y2="high:Q"),
        base.mark_line(color=colour, strokeWidth=2).encode(y=y),
        base.mark_point(color=colour, filled=True, size=60, opacity=1, shape="square").encode(y=y),
    ]
    if curve["paper"] is not None:
        mark = alt.Chart(pl.DataFrame({"layers": [curve["paper"]]})).encode(x=x)
        layers.append(mark.mark_rule(color=theme.text, strokeDash=[4, 3]))
        label = mark.mark_text(color=theme.text, dy=-4, fontSize=11, baseline="bottom")
        layers.append(
            label.encode(text=alt.value(f"the paper: about {curve['paper']}"), y=alt.value(0))
        )
    title = f"{curve['recommender'].upper()}, {curve['encoder']} ({curve['protocol']})"
    return alt.layer(*layers).properties(
        width=250, height=200, title=alt.Title(title, offset=18, color=theme.text)
    )
