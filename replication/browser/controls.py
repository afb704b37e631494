"""Parts that several pages use: tables with their exports, charts, commands."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from replication.browser.reading.study import Study
from replication.browser.words import plain
from replication.report.figures.theme import DARK, LIGHT, Theme
from replication.report.tables import Number, Table

CHARTS = 512  # whose specification is remembered
EXPERIMENT = "experiment"  # a column of `NAMED` in one
NAMED = ("recommender", "encoder", "tuning")
ROWS = 12  # of a table to be scrolled
MIME = {"csv": "text/csv", "md": "text/markdown", "tex": "application/x-tex"}


def theme() -> Theme:
    """The figures' colours for the page as it is shown, light or dark."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def draw(description: str, build: Callable[..., alt.TopLevelMixin], *inputs: object) -> None:
    """The chart that `build` makes of `inputs` and the page's theme; `description` tells those who
    cannot see it what it shows.

    inputs  what st.cache_data can tell apart: numbers, texts, lists, dictionaries, dataclasses
    """
    spec = _specification(f"{build.__module__}.{build.__name__}", inputs, theme(), build)
    st.vega_lite_chart(spec=spec, theme=None, width="stretch", alt=description)


@st.cache_data(max_entries=CHARTS, show_spinner=False)
def _specification(
    name: str, inputs: tuple[object, ...], look: Theme, _build: Callable[..., alt.TopLevelMixin]
) -> dict[str, Any]:
    """The chart as Vega-Lite, its data inline. Most of a page's time would go to Altair.

    name  of `_build`, by which it is remembered
    """
    dressed = (
        _build(*inputs, look).configure(background="transparent", font="Source Sans, sans-serif")
        .configure_view(stroke=look.grid)
        .configure_axis(
            labelFontSize=12, titleFontSize=12, labelColor=look.text, titleColor=look.text,
            gridColor=look.grid, domainColor=look.text, tickColor=look.text,
            titleFontWeight="normal", labelLimit=220,
        )
        .configure_legend(
            orient="bottom", labelFontSize=12, titleFontSize=12, labelColor=look.text,
            titleColor=look.text, titleFontWeight="normal", columns=3,
        )
        .configure_title(color=look.text, subtitleColor=look.text)
    )  # fmt: skip
    spec = dressed.to_dict(validate=False)  # the tests do
    return _with_values(spec, spec.pop("datasets", {}))


def _with_values(part: Any, named: Mapping[str, list]) -> Any:
    """Data that a chart names, put where they are named."""
    if isinstance(part, list):
        return [_with_values(item, named) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        key: {"values": named[value["name"]]}
        if key == "data" and isinstance(value, dict) and value.get("name") in named
        else _with_values(value, named)
        for key, value in part.items()
    }


def show_table(study: Study, table: Table, key: str | None = None) -> None:
    """A small table as text, with its exports."""
    show_rows(table)
    export(study, table, key)


def show_rows(table: Table) -> None:
    """A small table as text, an interval beside its number."""
    st.table(frame_of(table, escape=True), hide_index=True, alt=table.caption)


def scroll_table(
    study: Study,
    table: Table,
    columns: Sequence[str] | None = None,
    widths: Mapping[str, int] | None = None,
    rows: int = ROWS,
) -> None:
    """A table of which `rows` rows are in sight, with the export of all its columns.

    columns  those that are shown, in this order; None: all
    widths   of columns, in pixels
    """
    frame = frame_of(table)
    if columns and EXPERIMENT in columns:
        frame.insert(0, EXPERIMENT, named_experiments(table))
    st.dataframe(
        frame,
        hide_index=True,
        height=height_of(table, rows),
        column_order=columns,
        column_config={k: st.column_config.Column(width=v) for k, v in (widths or {}).items()},
        alt=table.caption,
    )
    export(study, table)


def telling(table: Table) -> list[str]:
    """The columns that tell rows apart: those neither empty nor the same in all rows."""
    if len(table.rows) < 2:
        return list(table.header)
    columns = zip(table.header, zip(*table.rows, strict=True), strict=True)
    return [name for name, cells in columns if len(set(map(str, cells))) > 1]


def named_experiments(table: Table) -> list[str]:
    """Each row's recommender, encoder and tuning as one text."""
    at = [table.header.index(name) for name in NAMED]
    return [", ".join(str(row[i]) for i in at if row[i]) for row in table.for_people()]


def by_experiment(
    table: Table, metric: str, left_out: Sequence[str] = ()
) -> tuple[Table, list[str]]:
    """A table and the columns to show of it: what names a row in one, then the metric, which is so
    in sight on a narrow screen; of the others those that tell rows apart."""
    others = [n for n in telling(table) if n not in (*NAMED, metric, *left_out)]
    return table, [EXPERIMENT, metric, *others]


def height_of(table: Table, rows: int = ROWS) -> int:
    """Pixels of a frame that shows `rows` whole rows, or all where there are fewer."""
    return 3 + 35 * (1 + min(rows, max(1, len(table.rows))))


def frame_of(table: Table, escape: bool = False) -> pd.DataFrame:
    """The table's rows as text; `escape` where the cells are going to be read as Markdown."""
    text = plain if escape else str
    names = [text(name) for name in table.header]
    rows = [[text(_cell(cell)) for cell in row] for row in table.for_people()]
    return pd.DataFrame(rows, columns=_distinct(names))


def _cell(cell: str | Number) -> str:
    return cell if isinstance(cell, str) else str(cell)


def _distinct(names: Sequence[str]) -> list[str]:
    """Column names that differ: a second of a name gets spaces behind it."""
    return [name + " " * names[:i].count(name) for i, name in enumerate(names)]


def export(study: Study, table: Table, key: str | None = None) -> None:
    """The table as CSV, Markdown and LaTeX."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.caption("This table as", width="content")
        files = table.files(study.note)
        for kind, label in {"csv": "CSV", "md": "Markdown", "tex": "LaTeX"}.items():
            st.download_button(
                label,
                files[f"{table.name}.{kind}"],
                file_name=f"{table.name}.{kind}",
                mime=MIME[kind],
                key=f"{key or table.name}-{kind}",
                on_click="ignore",
                type="tertiary",
                icon=":material/download:",
            )


def command(text: str) -> None:
    """A command to copy."""
    st.code(text, language="shell", wrap_lines=True)
