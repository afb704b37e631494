"""Learning curves of two runs."""

from collections.abc import Iterable, Mapping, Sequence

import altair as alt
import polars as pl

from replication.report.figures.theme import Theme, nothing_yet

Curve = Sequence[tuple[int, float | None, float | None]]  # step, training loss, selection AUC
MEASURES = {"mean training loss": 1, "AUC on the selection split": 2}


def learning_curves(curves: Mapping[str, Curve], measure: str, theme: Theme) -> alt.TopLevelMixin:
    """One of `MEASURES` by training step, a line per run; a missing value is a gap.

    curves: by the run's letter, two at most
    """
    column = MEASURES[measure]
    rows = [(name, point[0], point[column]) for name, curve in curves.items() for point in curve]
    if all(value is None for *_, value in rows):
        return nothing_yet(theme)
    frame = pl.DataFrame(rows, {"run": str, "step": int, "value": float}, orient="row")
    names = list(curves)

    def scale(values: Iterable[str | Sequence[float]]) -> alt.Scale:
        return alt.Scale(domain=names, range=list(values)[: len(names)])

    base = alt.Chart(frame).encode(
        x=alt.X("step:Q", title="training step", axis=alt.Axis(tickMinStep=1, format="d")),
        y=alt.Y("value:Q", title=measure, scale=alt.Scale(zero=False)),
        color=alt.Color("run:N", scale=scale(theme.tunings.values()), title=None),
        tooltip=["run:N", "step:Q", alt.Tooltip("value:Q", format=".4f", title=measure)],
    )
    dash = alt.StrokeDash("run:N", scale=scale(([1, 0], [6, 4])), title=None)
    shape = alt.Shape("run:N", scale=scale(("circle", "square")), title=None)
    return alt.layer(
        base.mark_line(strokeWidth=2).encode(strokeDash=dash),
        base.mark_point(filled=True, size=70, opacity=1).encode(shape=shape),
    ).properties(height=240)
