"""Page 6: quality against what it costs."""

from collections.abc import Sequence
from string import ascii_uppercase

import streamlit as st

from replication.browser.charts.pareto import Mark, pareto
from replication.browser.content.costs import (
    MADE_BY,
    MEASURES,
    Point,
    answer,
    costs_table,
    front_lines,
    known_measures,
    left_out,
    read_points,
)
from replication.browser.controls import (
    command,
    draw,
    scroll_table,
    show_table,
)
from replication.browser.names import encoders_text
from replication.browser.pickers import pick
from replication.browser.reading.study import Study
from replication.browser.words import counted, plain
from replication.paper.cells import METRIC_NAMES
from replication.report.adapters import adapter_text
from replication.report.costs import COLUMN_TEXTS, MACHINE_TEXT
from replication.report.names import (
    encoder_name,
    metric_name,
    recommender_name,
    tuning_name,
)

PURPOSE = "What does quality cost in parameters, time and memory?"
ALL = "all"
FEW = 8  # rows that are shown unasked


def show(study: Study) -> None:
    first = st.container()
    measure, metric, points, recommenders = _chosen(study)
    with first:
        st.markdown(plain(answer(points, measure, metric)))
    drawn = [point for point in points if not point.absence(measure)]
    kinds = hardware_kinds(drawn)
    if drawn:
        names = dict.fromkeys(point.experiment.recommender for point in drawn)
        for name in names:
            if len(names) > 1:
                st.markdown(f"**{plain(recommender_name(name))}**")
            of, here = (
                [point for point in some if point.experiment.recommender == name]
                for some in (points, drawn)
            )
            _picture(of, here, kinds, measure, metric, recommenders)
        encoders = encoders_text(study, (point.experiment.encoder for point in drawn))
        st.caption(f"{_reading(drawn, kinds, measure)} {plain(encoders)}")
    else:
        st.markdown("There is nothing to draw yet. Run:")
        command(MADE_BY)
    _tables(study, points, measure, metric)
    _adapters(study)


def _adapters(study: Study) -> None:
    """What the training of each adapter did, where it was judged."""
    known = {run.cell.adapter for experiment in study.grid for run in experiment.runs}
    contents = {name: file.content for name, file in study.adapters.items() if name in known}
    told = (adapter_text(name, content) for name, content in contents.items() if content)
    if texts := [text for text in told if text]:
        st.subheader("What LoRA did", anchor=False)
        for text in texts:
            st.markdown(plain(text))


def _chosen(study: Study) -> tuple[str, str, list[Point], list[str]]:
    """What the pickers leave: measure, metric, points, and all recommenders that there are."""
    across = st.columns(4)
    with across[1]:
        metric = pick("Metric", list(METRIC_NAMES), "metric", "auc", named=metric_name)
    points = read_points(study.grid, study.adapters, metric, study.embeddings)
    with across[0]:
        measure = pick(
            "Cost", known_measures(points), "cost", "parameters",
            named=lambda name: MEASURES[name].title,
        )  # fmt: skip
    recommenders = list(dict.fromkeys(point.experiment.recommender for point in points))
    protocols = list(dict.fromkeys(point.experiment.protocol for point in points))
    with across[2]:
        name = pick("Recommender", [ALL, *recommenders], "recommender", ALL, named=recommender_name)
    if len(protocols) > 1:
        with across[3]:
            protocol = pick("Protocol", protocols, "protocol", protocols[0])
        points = tuple(point for point in points if point.experiment.protocol == protocol)
    return (
        measure,
        metric,
        [point for point in points if name in (ALL, point.experiment.recommender)],
        recommenders,
    )


def hardware_kinds(points: Sequence[Point]) -> dict[str, str]:
    """A letter for each kind of hardware among the points; none where all are of one."""
    machines = sorted({point.machine for point in points})
    if len(machines) < 2:
        return {}
    return {machine: _letter(i) for i, machine in enumerate(machines)}


def _letter(i: int) -> str:
    return ascii_uppercase[i] if i < len(ascii_uppercase) else str(i + 1)


def _picture(
    points: Sequence[Point],
    drawn: Sequence[Point],
    kinds: dict[str, str],
    measure: str,
    metric: str,
    recommenders: Sequence[str],
) -> None:
    marks = {point.experiment.key: _mark(point, measure, kinds) for point in drawn}
    lines = {
        kinds.get(machine or "", ""): [marks[point.experiment.key] for point in line]
        for machine, line in front_lines(points, measure).items()
    }
    on_line = "; ".join(
        f"{recommender_name(mark.recommender)} with {encoder_name(mark.encoder)}, "
        f"{tuning_name(mark.tuning)}: {mark.quality:.4f} "
        f"at {MEASURES[measure].said(mark.cost)}"
        for line in lines.values()
        for mark in line
    )
    draw(
        f"{METRIC_NAMES[metric]} of {counted(len(marks), 'experiment')} over "
        f"{MEASURES[measure].title}. "
        f"On the Pareto line: {on_line or 'none'}.",
        pareto,
        list(marks.values()),
        lines,
        MEASURES[measure].title,
        METRIC_NAMES[metric],
        recommenders,
    )


def _mark(point: Point, measure: str, kinds: dict[str, str]) -> Mark:
    of = point.experiment
    cost, quality = point.at(measure)
    return Mark(
        of.recommender, of.encoder, of.tuning, cost, quality, point.figure.ci95,
        kinds.get(point.machine, ""), point.machine, point.ranked, of.state().word,
    )  # fmt: skip


def _reading(drawn: Sequence[Point], kinds: dict[str, str], measure: str) -> str:
    lines = [
        "Vertical bars: 95 % intervals. Line: no other experiment of the "
        "recommender is better and costs no more."
    ]
    if any(not point.ranked for point in drawn):
        lines.append("Faint: stale, or not every seed is there; such experiments are not ranked.")
    if kinds:
        names = "; ".join(f"{letter}: {machine}" for machine, letter in kinds.items())
        lines.append(f"The runs are of several kinds of hardware: {names}.")
        if MEASURES[measure].by_machine:
            lines.append("Their time and memory are not compared: each has a line of its own.")
    else:
        lines.append(f"All ran on {drawn[0].machine}.")
    if any(run.cell.adapter for point in drawn for run in point.experiment.runs):
        lines.append("Training of a LoRA adapter counts as cost of the runs that read its vectors.")
    return plain(" ".join(lines))


def _tables(study: Study, points: Sequence[Point], measure: str, metric: str) -> None:
    if rest := left_out(points, measure):
        number = f"{len(rest.rows)} of {counted(len(points), 'experiment')}"
        with st.expander(f"Not in the picture: {number}", expanded=len(rest.rows) <= FEW):
            show_table(study, rest)
    if any(point.experiment.done for point in points):
        st.subheader("Every experiment", anchor=False)
        table = costs_table(points, measure, metric)
        scroll_table(study, table, METRIC_NAMES[metric])
        meant = [f"*{c}*: {COLUMN_TEXTS[c]}" for c in table.header if c in COLUMN_TEXTS]
        st.caption(" ".join([plain(table.caption), *meant, MACHINE_TEXT]))
