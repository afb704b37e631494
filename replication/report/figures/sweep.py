"""AUC by the number of fine-tuned layers."""

from collections.abc import Sequence
from typing import Any, Literal

import altair as alt
import polars as pl

from replication.report.figures.theme import Theme, auc_scale, layered, nothing_yet
from replication.report.names import encoder_name


def sweep_figure(curves: Sequence[dict[str, Any]], theme: Theme) -> alt.TopLevelMixin:
    """A curve with its band per recommender; a depth that has not been run is a gap.

    curves: those of comparison.json, each with `paper`, the depth to mark or None.
    """
    scale = shared_scale(curves)
    if scale is None:
        return nothing_yet(theme)
    return alt.hconcat(*(panel(curve, scale, theme) for curve in curves), spacing=25)


def shared_scale(curves: Sequence[dict[str, Any]]) -> alt.Scale | None:
    """An axis that holds every point with its interval; None where there is no point."""
    rows = [row for curve in curves for row in segments(curve["curve"])]
    values = [row[key] for row in rows for key in ("value", "low", "high")]
    return auc_scale([value for value in values if value is not None]) if rows else None


def segments(points: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The points that have a figure, numbered by the run of neighbours that they are in.

    points: layers, ours, ci95 (None: not known), runs (there, wanted), verdict.
    """
    found, segment = [], 0
    for point in points:
        if point["ours"] is None:
            segment += 1
            continue
        low, high = point["ci95"] or (None, None)
        ran, of = point["runs"]
        found.append(
            {"layers": point["layers"], "value": point["ours"], "low": low, "high": high}
            | {"segment": segment, "runs": f"{ran} of {of}", "verdict": point["verdict"]}
        )
    return found


def panel(
    curve: dict[str, Any],
    scale: alt.Scale,
    theme: Theme,
    measure: str = "AUC",
    width: int | Literal["container"] = 250,
) -> alt.LayerChart:
    """One recommender; curve: as for `sweep_figure`, its points as for `segments`."""
    depths = [point["layers"] for point in curve["curve"]]
    numbers = dict.fromkeys(("value", "low", "high"), float)
    schema = {"layers": int, **numbers, "segment": int, "runs": str, "verdict": str}
    frame = pl.DataFrame(segments(curve["curve"]), schema=schema)
    across = alt.Scale(domain=[min(depths), max(depths)], nice=False, padding=14)
    x = alt.X("layers:Q", title="fine-tuned layers", scale=across).axis(values=depths, format="d")
    base = alt.Chart(frame).encode(
        x=x,
        detail="segment:N",
        tooltip=[
            alt.Tooltip("layers:Q", title="fine-tuned layers", format="d"),
            alt.Tooltip("value:Q", title=measure, format=".4f"),
            alt.Tooltip("low:Q", format=".3f"),
            alt.Tooltip("high:Q", format=".3f"),
            alt.Tooltip("runs:N"),
            alt.Tooltip("verdict:N"),
        ],
    )
    colour = theme.tunings["finetuned"]
    y = alt.Y("value:Q", scale=scale, title=measure)
    layers = [
        base.mark_area(color=colour, opacity=0.2).encode(
            y=alt.Y("low:Q", scale=scale, title=measure), y2="high:Q"
        ),
        base.mark_rule(color=colour).encode(y=alt.Y("low:Q", title=measure), y2="high:Q"),
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
    title = (
        f"{curve['recommender'].upper()}, {encoder_name(curve['encoder'])} ({curve['protocol']})"
    )
    return layered(*layers).properties(
        width=width, height=200, title=alt.Title(title, offset=18, color=theme.text)
    )
