"""Page 4: quality by the number of fine-tuned layers."""

from collections.abc import Sequence

import streamlit as st

from replication.browser.charts.depths import depths
from replication.browser.content.claims import judged_claims
from replication.browser.content.gaps import gaps, missing_command
from replication.browser.content.sweeps import (
    Curve,
    answer,
    curves_of,
    paper_text,
    points_table,
    stale_text,
)
from replication.browser.controls import command, draw, scroll_table
from replication.browser.pickers import pick
from replication.browser.reading.study import Study
from replication.browser.words import plain, signed
from replication.evaluation.metrics import METRICS
from replication.paper.cells import METRIC_NAMES
from replication.report.figures.sweep import shared_scale
from replication.report.names import metric_name, recommender_name
from replication.report.study import COMPARED

PURPOSE = "How many layers should be fine-tuned?"


def show(study: Study) -> None:
    claims = judged_claims(study)
    if not study.sweep:
        st.info(plain(study.params.problem or "params.yaml asks for no sweep of layers."))
        return
    top = st.container()
    metric = pick("Metric", METRICS, "metric", METRICS[0], width=150, named=metric_name)
    curves = curves_of(study, metric, claims)
    top.markdown(f"##### {plain(answer(curves))}")
    if stale := stale_text(curves):
        top.warning(plain(f"{signed('stale')}: {stale}. Run `{COMPARED}`."))
    st.markdown(plain(paper_text(curves, claims, study.judged_on)))
    _panels(curves, metric)
    _gaps(curves)
    st.subheader("Every depth", anchor=False)
    table = points_table(study, curves, metric)
    scroll_table(study, table, METRIC_NAMES[metric])


def _panels(curves: Sequence[Curve], metric: str) -> None:
    name = METRIC_NAMES[metric]
    drawn = [curve.drawn for curve in curves]
    if shared_scale(drawn) is None:
        st.info("Nothing of the sweep has been run yet.")
        return
    for column, curve in zip(st.columns(len(curves)), drawn, strict=True):
        with column:
            text = f"{name} of {recommender_name(curve['recommender'])} by fine-tuned layers: "
            draw(text + _spoken(curve), depths, curve, drawn, name)
    st.caption(_legend(curves, name))


def _spoken(curve: dict) -> str:
    return "; ".join(
        f"{p['layers']}: {p['verdict'] if p['ours'] is None else format(p['ours'], '.4f')}"
        for p in curve["curve"]
    )


def _legend(curves: Sequence[Curve], name: str) -> str:
    lines = [
        "Bands: 95 % intervals. At 0 layers all of the encoder's layers are frozen, and what is "
        "above them is trained by the same path as at the other depths. A depth without a figure "
        "is a gap."
    ]
    figures = [figure for curve in curves for figure in curve.figures]
    if any(figure.ours is not None and figure.ci95 is None for figure in figures):
        lines.append(f"Where there is no band, the interval of {name} over the seeds is not known.")
    if name != METRIC_NAMES["auc"]:
        lines.append("The best depth is judged by AUC alone.")
    return " ".join(lines)


def _gaps(curves: Sequence[Curve]) -> None:
    """Depths that are missing or not to be relied on, and what runs those that are missing."""
    experiments = [experiment for curve in curves for experiment in curve.experiments]
    lines = gaps((recommender_name(p.recommender), str(p.layers), p.state()) for p in experiments)
    if lines:
        st.markdown("Depths that are not complete and up to date:")
        st.markdown("\n".join(f"- {plain(line)}" for line in lines))
    if line := missing_command(experiments):
        st.markdown("All that has not been run:")
        command(line)
