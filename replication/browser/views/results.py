"""Page 2: every experiment beside the paper, with what reproduces it and what lies behind it."""

from collections.abc import Sequence

import polars as pl
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from replication.browser.charts.results import points_of, results_chart
from replication.browser.content.results_table import (
    FILTERS,
    Row,
    answer,
    kept,
    references,
    references_text,
    rows_of,
    run_command,
    table_of,
)
from replication.browser.content.run_details import (
    compare_link,
    cost_table,
    origin_table,
    parameters_text,
    seeds_table,
)
from replication.browser.controls import (
    EXPERIMENT,
    command,
    draw,
    export,
    frame_of,
    height_of,
    lean,
    named_rows,
    show_rows,
    telling,
)
from replication.browser.names import encoder_labels, encoders_text, experiment_name
from replication.browser.pickers import Named, pick, pick_some, set_link, told
from replication.browser.reading.runs import Run
from replication.browser.reading.study import Study
from replication.browser.views import what_if
from replication.browser.words import counted, plain, signed
from replication.evaluation.metrics import METRICS
from replication.paper.cells import METRIC_NAMES
from replication.paper.main_table import TOLERANCE_REASON
from replication.report.names import (
    encoder_name,
    metric_name,
    recommender_name,
    tuning_name,
)
from replication.report.study import COMPARED
from replication.report.tables import Number, Table

PURPOSE = "Which model does best with which recommender, and how far is it from the paper?"
INTERVAL = "95 % CI"


def show(study: Study) -> None:
    if study.params.content is None:
        st.info(
            "What the grid should hold is not known: the runs that are there are shown, and none "
            "is ranked."
        )
    top = st.container()  # the answer stands above the pickers that it depends on
    metric, rows, shown = _choices(study)
    top.markdown(plain(answer(rows, metric)))
    _chart(study, shown, metric)
    _table(study, shown, rows, metric)
    _details(study, rows)
    st.subheader("What if I rerun?", anchor=False)
    what_if.show(study)


def _choices(study: Study) -> tuple[str, list[Row], list[Row]]:
    """The metric, all rows by it, and those that the filters let through."""
    with st.container(horizontal=True, gap="small"):
        metric = pick("Metric", METRICS, "metric", METRICS[0], width=140, named=metric_name)
        rows = rows_of(study, metric)
        named = {
            "recommender": recommender_name,
            "encoder": encoder_labels(study),
            "tuning": tuning_name,
        }
        wanted = {name: _filter(name, rows, named.get(name, str)) for name in FILTERS}
        return metric, rows, kept(rows, wanted)


def _filter(name: str, rows: Sequence[Row], named: Named) -> list[str]:
    options = list(dict.fromkeys(row.value(name) for row in rows))
    if len(options) == 1:
        told(name, name, options)
        return []
    return pick_some(name.capitalize(), options, name, width=150, named=named)


def _chart(study: Study, rows: Sequence[Row], metric: str) -> None:
    """The first protocol of the rows: another is drawn where the filter names it."""
    protocols = list(dict.fromkeys(row.experiment.protocol for row in rows if not row.swept))
    lines = {name: n.value for name, n in references(study, metric).items() if n.value is not None}
    drawn = [row for row in rows if row.experiment.protocol in protocols[:1] and not row.swept]
    points = points_of(drawn)
    if not points:
        st.info("No experiment of the grid that is shown has been run: there is nothing to draw.")
    else:
        measure = METRIC_NAMES[metric]
        spoken = "; ".join(
            f"{recommender_name(p['recommender'])}, {encoder_name(p['encoder'])}, "
            f"{tuning_name(p['tuning'])}: {p['value']:.4f}"
            for p in points
        )
        models = list(
            dict.fromkeys((row.experiment.recommender, row.experiment.encoder) for row in drawn)
        )
        draw(f"{measure}: {spoken}.", results_chart, points, models, lines, measure)
    notes = [encoders_text(study, (row.experiment.encoder for row in drawn))] if points else []
    notes.append(references_text(study, metric))
    if any(row.figure.ours is not None and row.figure.ci95 is None for row in drawn):
        notes.append(f"A dot without an interval: `{COMPARED}` has not seen its runs.")
    if len(protocols) > 1:
        notes.append(f"Drawn: {protocols[0]}; filter on a protocol to see another.")
    st.caption(plain(" ".join(notes)))


def _table(study: Study, shown: list[Row], rows: Sequence[Row], metric: str) -> None:
    st.markdown(
        f"**{len(shown)} of {counted(len(rows), 'experiment')}.** Select one to see what lies "
        "behind it. Rank is counted among all experiments of the grid with the same recommender "
        "and protocol; what is incomplete, stale or unreadable is not ranked, nor are the depths "
        "of the layer sweep."
    )
    table = table_of(shown, metric)
    columns = _columns(METRIC_NAMES[metric])
    telling_some = {EXPERIMENT, METRIC_NAMES[metric], INTERVAL, "command", *telling(table)}
    several = len({row.experiment.protocol for row in shown}) > 1
    names = named_rows(table, ["recommender", "encoder", "tuning"])
    st.dataframe(
        sortable(table).insert_column(0, pl.Series(EXPERIMENT, names)),
        key="rows",
        on_select=lambda: _open(shown),
        selection_mode="single-row",
        hide_index=True,
        height=height_of(table),
        placeholder="–",
        column_config=columns,
        column_order=[
            name for name in columns if name in telling_some and (several or name != "protocol")
        ],
        alt=table.caption,
    )
    if same := lean(table, keep=[METRIC_NAMES[metric], "command"])[1]:
        st.caption(plain(same))
    export(study, table)


def _open(shown: Sequence[Row]) -> None:
    """Show the details of the row that was selected; of none, leave them as they are."""
    for index in st.session_state["rows"]["selection"]["rows"]:
        if index < len(shown):
            set_link("row", shown[index].experiment.key)


def _columns(measure: str) -> dict[str, ColumnConfig]:
    """How each column is shown, in this order; widths in pixels."""
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    return {
        EXPERIMENT: text(width=210),
        measure: number(width=60, format="%.4f"),
        INTERVAL: text(width=108),
        "layers": text(width=52, help="fine-tuned transformer layers"),
        "rank": number(width=45, help="1 is the best of its recommender and protocol"),
        "paper": number(width=60, format="%.4f"),
        "difference": number(width=78, format="%+.4f", help="ours - paper"),
        "verdict": text(width=122),
        "tolerance": number(width=75, format="%.4f", help=TOLERANCE_REASON),
        "seeds": text(width=60, help="run, of those that there should be"),
        "protocol": text(width=75),
        "reason": text(width="medium", help="why there is no judgement"),
        "command": text(width="large", help="runs all seeds again"),
    }


def sortable(table: Table) -> pl.DataFrame:
    """The table's figures as numbers, null where missing; intervals as text beside them."""
    columns: dict[str, list[str | float | None]] = {}
    for i, name in enumerate(table.header):
        cells = [row[i] for row in table.rows]
        if not any(isinstance(cell, Number) for cell in cells):
            columns[name] = [str(cell) or None for cell in cells]
            continue
        numbers = [cell for cell in cells if isinstance(cell, Number)]
        columns[name] = [number.value for number in numbers]
        if any(number.interval for number in numbers):
            columns[INTERVAL] = [_ends(number) for number in numbers]
    return pl.DataFrame(columns, strict=False)


def _ends(number: Number) -> str | None:
    if not number.interval:
        return None
    low, high = number.interval
    return f"{low:{number.ends}} to {high:{number.ends}}"


def _details(study: Study, rows: list[Row]) -> None:
    """One row, with all that is known of it."""
    named = {row.experiment.key: row for row in rows}
    st.subheader("Behind a row", anchor=False)
    chosen = pick(
        "Details of", list(named), "row", named=lambda key: experiment_name(named[key].experiment)
    )
    if chosen is None:
        return
    row = named[chosen]
    experiment = row.experiment
    why = f"; {row.figure.reason}" if row.figure.reason else ""
    st.markdown(
        f"**{plain(experiment_name(experiment))}**: {plain(signed(row.figure.verdict) + why)}."
    )
    lines = {run.name: run_command(study.params.content, run) for run in experiment.runs}
    if known := [line for line in lines.values() if line]:
        st.markdown(f"{counted(len(lines), 'seed')}; each is run by:")
        command("\n".join(known))
    if unknown := [name for name, line in lines.items() if not line]:
        names = plain(", ".join(unknown))
        st.markdown(f"No command makes {names} again under the present parameters.")
    if link := compare_link(row, rows):
        name, address = link
        st.link_button(f"Compare with {plain(name)}", address, icon=":material/compare_arrows:")
    _small(seeds_table(experiment))
    _small(cost_table(study, experiment))
    _behind(experiment.runs)


def _behind(runs: Sequence[Run]) -> None:
    """Parameters and origin of one run: of one seed."""
    known = {str(run.cell.seed): run for run in runs if run.files["run"].content is not None}
    if not known:
        st.markdown(
            "Its parameters and where it comes from are not known: no `run.json` of it can be read."
        )
        return
    first = next(iter(known))
    seed = pick("Seed", list(known), "seed", first, width=170) if len(known) > 1 else first
    left, right = st.tabs(["Parameters", "Checkpoint, data, machine"])
    with left:
        st.code(parameters_text(known[seed]), language="yaml", height=320)
    with right:
        if origin := origin_table(known[seed]):
            st.dataframe(frame_of(origin), hide_index=True, alt=origin.caption)


def _small(table: Table) -> None:
    show_rows(table)
    st.caption(table.caption)
