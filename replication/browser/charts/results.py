"""A metric of every experiment of the grid: a row per recommender and encoder."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from replication.browser.content.results_table import Row
from replication.report.figures.auc import panel
from replication.report.figures.theme import Theme, auc_scale, spelled
from replication.report.names import encoder_name, recommender_name

Point = dict[str, Any]  # recommender, encoder, tuning: text; value, low, high: numbers or None
ROW = 10  # pixels for each tuning of a row
# A row's key ends in its encoder; a recommender's own, in a space.
HEADING = "slice(datum.label, -1) == ' '"


def points_of(rows: Sequence[Row]) -> list[Point]:
    """What is drawn of rows of one protocol: those that have a figure, no depth of the sweep."""
    return [
        {
            "recommender": row.experiment.recommender,
            "encoder": row.experiment.encoder,
            "tuning": row.experiment.tuning,
            "value": row.figure.ours,
            "low": row.figure.ci95[0] if row.figure.ci95 else None,
            "high": row.figure.ci95[1] if row.figure.ci95 else None,
        }
        for row in rows
        if not row.swept and row.figure.ours is not None
    ]


def _labels(models: Sequence[tuple[str, str]]) -> str:
    recommenders = spelled({r: recommender_name(r) for r, _ in models}, "trim(datum.label)")
    encoders = spelled({e: encoder_name(e) for _, e in models}, "split(datum.label, ' ')[1]")
    return f"{HEADING} ? {recommenders} : {encoders}"


def results_chart(
    points: Sequence[Point],
    models: Sequence[tuple[str, str]],
    lines: Mapping[str, float],
    measure: str,
    theme: Theme,
) -> alt.LayerChart:
    """models: recommender and encoder of every row, drawn or not, those of a recommender together.
    lines: random, popularity, ceiling: their value. There must be a point."""
    ends = [p[end] for p in points for end in ("value", "low", "high") if p[end] is not None]
    keys: list[str] = []
    for recommender, encoder in models:
        if f"{recommender} " not in keys:
            keys.append(f"{recommender} ")
        keys.append(f"{recommender} {encoder}")
    rows = [point | {"encoder": f"{point['recommender']} {point['encoder']}"} for point in points]
    scale = auc_scale([*ends, *lines.values()])
    weight = {"condition": {"test": HEADING, "value": "bold"}, "value": "normal"}
    axis = alt.Axis(labelExpr=_labels(models), labelFontWeight=weight, ticks=False, labelPadding=6)
    drawn = panel(rows, keys, lines, scale, theme, "", measure, "container", axis)
    return drawn.properties(height=alt.Step(ROW))
