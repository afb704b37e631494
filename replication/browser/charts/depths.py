"""Quality by the number of fine-tuned layers."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from replication.report.figures.sweep import panel, shared_scale
from replication.report.figures.theme import Theme


def depths(
    curve: dict[str, Any], curves: Sequence[dict[str, Any]], measure: str, theme: Theme
) -> alt.LayerChart:
    """One of the report's `curves`, on the axis that holds them all. There must be a point."""
    scale = shared_scale(curves)
    if scale is None:
        raise ValueError("no depth has a figure: there is nothing to draw")
    drawn = panel(curve, scale, theme, measure, "container")
    return drawn.properties(height=270)
