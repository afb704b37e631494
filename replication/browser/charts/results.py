"""A metric of every cell of the grid, a panel per recommender."""

from collections.abc import Mapping, Sequence

import altair as alt

from replication.browser.content.results_table import Row
from replication.paper.cells import METRIC_NAMES
from replication.report.figures.auc import panel
from replication.report.figures.theme import Theme, auc_scale


def panels(
    rows: Sequence[Row], metric: str, lines: Mapping[str, float], theme: Theme
) -> dict[str, alt.LayerChart]:
    """By recommender, with one axis; empty where no row has a figure.

    rows   of one protocol; a depth of the layer sweep is not drawn
    lines  random, popularity, ceiling: their value
    """
    drawn = [row for row in rows if not row.swept and row.figure.ours is not None]
    if not drawn:
        return {}
    ends = [end for row in drawn for end in (row.figure.ours, *(row.figure.ci95 or ()))]
    scale = auc_scale([*ends, *lines.values()])
    encoders = list(dict.fromkeys(row.place.encoder for row in rows if not row.swept))
    return {
        name: panel(
            [_point(row) for row in drawn if row.place.recommender == name],
            encoders,
            lines,
            scale,
            theme,
            name.upper(),
            METRIC_NAMES[metric],
            "container",
        )
        for name in dict.fromkeys(row.place.recommender for row in rows if not row.swept)
    }


def _point(row: Row) -> dict[str, object]:
    low, high = row.figure.ci95 or (None, None)
    return {
        "encoder": row.place.encoder,
        "tuning": row.place.tuning,
        "value": row.figure.ours,
        "low": low,
        "high": high,
    }
