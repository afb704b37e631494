"""Quality by the number of fine-tuned layers."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from replication.report.figures.sweep import panel, shared_scale
from replication.report.figures.theme import Theme


def depths(
    curve: dict[str, Any], curves: Sequence[dict[str, Any]], measure: str, theme: Theme
) -> alt.LayerChart:
    """One of the report's `curves`, on the axis that holds them all."""
    drawn = panel(curve, shared_scale(curves), theme, measure, "container")
    return drawn.properties(height=270)
