"""AUC by group of users, and the differences to a model: dots with their intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl

from replication.report.figures import cold_start
from replication.report.figures.theme import LIGHT, Theme, auc_scale, layered
from replication.report.names import recommender_name
from replication.report.study import FIFTHS

CHANCE = 0.5
HEIGHT = 300
# Okabe and Ito's colours, darkened or lightened to a contrast with the page of 3 or more.
ON_LIGHT = (
    "#0072b2", "#d55e00", "#007a5a", "#b0578f", "#9a6b00", "#2a89bd", "#1f2328", "#857a00",
)  # fmt: skip
ON_DARK = (
    "#56b4e9", "#e69f00", "#00b383", "#cc79a7", "#e2711d", "#4a90d9", "#e6edf3", "#f0e442",
)  # fmt: skip
# One fewer than there are colours, so that the pairs repeat late.
SHAPES = (
    "circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right",
)  # fmt: skip


def differences(points: Sequence[dict[str, Any]], title: str, theme: Theme) -> alt.LayerChart:
    """Difference of AUC by group, a panel per recommender, all on one axis with its zero line.

    points: those of the report's figure, with their `recommender`
    """
    panels = list(dict.fromkeys(point["recommender"] for point in points))
    x = _across(panels)
    y: dict[str, Any] = {"scale": cold_start.shared_scale(points), "title": "difference of AUC"}
    rows = [point | {"group": _key(point["recommender"], point["group"])} for point in points]
    drawn = cold_start.panel(rows, x, y, theme)
    return _headed(drawn, {name: recommender_name(name) for name in panels}, x, title, theme)


def levels(
    dots: Sequence[dict[str, Any]],
    tunings: Sequence[str],
    encoders: Sequence[str],
    title: str,
    theme: Theme,
) -> alt.LayerChart:
    """AUC by group, a panel per tuning, all on one axis with the line of chance.

    dots      encoder, tuning, group (1 to 5), auc, low, high (None: not known), verdict
    encoders  all that there are, so that each has its colour and shape whatever is shown
    """
    numbers = dict.fromkeys(("auc", "low", "high"), float)
    schema = {"encoder": str, "group": str, **numbers, "verdict": str}
    rows = [dot | {"group": _key(dot["tuning"], dot["group"])} for dot in dots]
    frame = pl.DataFrame([{k: row[k] for k in schema} for row in rows], schema=schema)
    ends = [dot[key] for dot in dots for key in numbers if dot[key] is not None]
    colours = ON_LIGHT if theme == LIGHT else ON_DARK
    names = list(encoders)

    def repeated(values: Sequence[str]) -> list[str]:
        return [values[i % len(values)] for i in range(len(names))]

    x = _across(tunings)
    y: dict[str, Any] = {"scale": auc_scale([CHANCE, *ends]), "title": "AUC"}
    base = alt.Chart(frame).encode(
        x=x,
        xOffset=alt.XOffset("encoder:N", sort=names, scale=alt.Scale(domain=names)),
        color=alt.Color(
            "encoder:N", title=None, scale=alt.Scale(domain=names, range=repeated(colours))
        ),
        tooltip=[
            "encoder:N",
            "group:O",
            alt.Tooltip("auc:Q", title="AUC", format=".4f"),
            alt.Tooltip("low:Q", format=".3f"),
            alt.Tooltip("high:Q", format=".3f"),
            "verdict:N",
        ],
    )
    chance = alt.Chart(pl.DataFrame({"auc": [CHANCE]})).mark_rule(
        color=theme.text, strokeDash=[4, 3]
    )
    shape = alt.Shape(
        "encoder:N", title=None, scale=alt.Scale(domain=names, range=repeated(SHAPES))
    )
    drawn = layered(
        chance.encode(y=alt.Y("auc:Q", **y)),
        base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q", **y), y2="high:Q"),
        base.mark_point(filled=True, size=50, opacity=1).encode(y=alt.Y("auc:Q", **y), shape=shape),
    )
    return _headed(drawn, {name: name for name in tunings}, x, title, theme)


# Panels stand in one view, for views beside each other have widths that no page can set, and a
# chart for each takes its time.


def _key(panel: str, group: int) -> str:
    return f"{panel} {group}"


def _across(panels: Sequence[str]) -> alt.X:
    """An axis of `group`, the panels' groups one after another with a space between."""
    keys = [key for name in panels for key in (f"{name} ", *(_key(name, g) for g in FIFTHS))]
    scale = alt.Scale(domain=keys[1:], paddingOuter=0)
    across = alt.X("group:O", title=cold_start.GROUPS, sort=None, scale=scale)
    return across.axis(labelAngle=0, ticks=False, labelExpr="slice(datum.label, -1)")


def _headed(
    drawn: alt.LayerChart, names: Mapping[str, str], x: alt.X, title: str, theme: Theme
) -> alt.LayerChart:
    middle = [_key(name, FIFTHS[len(FIFTHS) // 2]) for name in names]
    frame = pl.DataFrame({"group": middle, "name": list(names.values())})
    head = alt.Chart(frame).mark_text(
        baseline="bottom", dy=-4, fontSize=12, fontWeight="bold", color=theme.text
    )
    return layered(drawn, head.encode(x=x, y=alt.value(0), text="name:N")).properties(
        height=HEIGHT,
        title=alt.Title(title, offset=18, anchor="start", fontWeight="normal", color=theme.text),
    )
