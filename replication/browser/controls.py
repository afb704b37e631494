"""Parts that several pages use: tables with their exports, charts, commands."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from replication.browser.names import deviation_name, layers_text
from replication.browser.reading.study import Study
from replication.browser.words import plain
from replication.report.figures.theme import DARK, LIGHT, Theme, specification
from replication.report.tables import Number, Table

CHARTS = 512  # whose specification is remembered
EXPERIMENT = "experiment"  # what names a row, in one column
# The columns that do, and how a field of each is said.
NAMED: dict[str, Callable[[str], str]] = {
    "deviation": deviation_name,
    "recommender": str,
    "encoder": str,
    "tuning": str,
    "layers": layers_text,
    "group": "group {}".format,
}
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
    spec = specification(_build(*inputs, look), look, legend={"columns": 3})
    spec["config"] |= {"background": "transparent", "font": "Source Sans, sans-serif"}
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


def show_table(
    study: Study,
    table: Table,
    key: str | None = None,
    metric: str | None = None,
    keep: Sequence[str] = (),
) -> None:
    """A small table as text, with its exports; metric, keep: see `lean`."""
    show_rows(table, metric, keep)
    export(study, table, key)


def show_rows(table: Table, metric: str | None = None, keep: Sequence[str] = ()) -> None:
    """A small table as text, an interval beside its number; metric, keep: see `lean`."""
    shown, same = lean(table, metric, keep)
    st.table(frame_of(shown, escape=True), hide_index=True, alt=table.caption)
    if same:
        st.caption(plain(same))


def scroll_table(
    study: Study,
    table: Table,
    metric: str | None = None,
    widths: Mapping[str, int] | None = None,
    rows: int = ROWS,
) -> None:
    """A table of which `rows` rows are in sight, with the export of all its columns.

    metric  see `lean`
    widths  of columns, in pixels
    """
    shown, same = lean(table, metric)
    st.dataframe(
        frame_of(shown),
        hide_index=True,
        height=height_of(table, rows),
        column_config={k: st.column_config.Column(width=v) for k, v in (widths or {}).items()},
        alt=table.caption,
    )
    if same:
        st.caption(plain(same))
    export(study, table)


def lean(
    table: Table, metric: str | None = None, keep: Sequence[str] = ()
) -> tuple[Table, str | None]:
    """A table as it is shown, and in a sentence what is the same in all its rows.

    Columns that are empty or the same in all rows are left out, but for the first and for `keep`;
    of a single row, those that are empty. Where a `metric` is named, what names a row (`NAMED`)
    stands in one column, and the metric in the second, in sight on a narrow screen.
    """
    header = list(table.header)
    columns = dict(zip(header, zip(*table.for_people(), strict=True), strict=False))
    telling_some = telling(table)
    kept = [n for n in header if n in (*telling_some, header[0], metric, *keep)]
    if metric is not None and columns:
        naming = [n for n in NAMED if n in telling_some] or [n for n in NAMED if n in header]
        columns[EXPERIMENT] = tuple(named_rows(table, naming))
        kept = [EXPERIMENT, metric, *(n for n in kept if n not in (*NAMED, metric))]
    told = [n for n in header if n not in (*kept, *telling_some) and n in columns]
    parts = [f"{n}: {value}" for n in told if (value := str(columns[n][0]))]
    shown = replace(
        table,
        header=kept,
        rows=list(zip(*(columns[name] for name in kept), strict=True)) if columns else [],
    )
    return shown, f"In all rows: {'; '.join(parts)}." if parts else None


def telling(table: Table) -> list[str]:
    """The columns that tell rows apart: those neither empty nor the same in all rows; of a single
    row those that are not empty."""
    columns = zip(table.header, zip(*table.rows, strict=True), strict=False)
    alone = len(table.rows) == 1
    return [
        name
        for name, cells in columns
        if (str(cells[0]) if alone else len(set(map(str, cells))) > 1)
    ]


def named_rows(table: Table, names: Sequence[str]) -> list[str]:
    """Each row's fields of some columns as one text, such as `NAML, MiniLM, 2 layers`."""
    at = [(NAMED.get(name, str), list(table.header).index(name)) for name in names]
    return [
        ", ".join(said(str(row[i])) for said, i in at if str(row[i])) for row in table.for_people()
    ]


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
