"""Parts that several pages use: pickers that a link can set, tables with their exports, charts."""

from collections.abc import Sequence
from typing import TypeVar

import altair as alt
import pandas as pd
import streamlit as st

from replication.browser.reading.study import Study
from replication.browser.words import plain
from replication.report.figures.theme import DARK, LIGHT, Theme
from replication.report.tables import Number, Table

Option = TypeVar("Option", bound=str)
MIME = {"csv": "text/csv", "md": "text/markdown", "tex": "application/x-tex"}


def pick(
    label: str,
    options: Sequence[Option],
    key: str,
    default: Option | None = None,
    **more: object,
) -> Option | None:
    """A picker that the link's `?key=` sets and that sets it; `default` stands for no choice.

    A link that names what there is not is told as such, and read as no choice.
    """
    told(key, label, options)
    chosen = st.selectbox(
        label,
        options,
        index=None,
        key=key,
        bind="query-params",
        placeholder=default or "choose one",
        **more,
    )
    return default if chosen is None else chosen


def told(key: str, label: str, options: Sequence[str]) -> None:
    """Say so where the link gives `key` a value that is none of `options`."""
    given = st.query_params.get_all(key)
    if strange := [value for value in given if value not in options]:
        known = ", ".join(options[:12]) + (", ..." if len(options) > 12 else "")
        st.warning(
            plain(f"The link asks for {label.lower()} {strange[0]}, which is not here. Known: ")
            + plain(known or "none"),
            icon=":material/link_off:",
        )


def theme() -> Theme:
    """The figures' colours for the page as it is shown, light or dark."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def draw(chart: alt.TopLevelMixin, description: str) -> None:
    """A chart in the page's colours; `description` tells those who cannot see it what it shows."""
    look = theme()
    dressed = (
        chart.configure(background="transparent", font="Source Sans, sans-serif")
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
    st.altair_chart(dressed, theme=None, width="stretch", alt=description)


def show_table(study: Study, table: Table, key: str | None = None) -> None:
    """A small table as text, with its exports. Numbers stand to the right, an interval beside."""
    st.table(frame_of(table, escape=True), hide_index=True, alt=table.caption)
    export(study, table, key)


def frame_of(table: Table, escape: bool = False) -> pd.DataFrame:
    """The table's rows as text; `escape` where the cells are going to be read as Markdown."""
    text = plain if escape else str
    names = [text(name) for name in table.header]
    rows = [[text(_cell(cell)) for cell in row] for row in table.rows]
    return pd.DataFrame(rows, columns=_distinct(names))


def _cell(cell: str | Number) -> str:
    return cell if isinstance(cell, str) else str(cell)


def _distinct(names: Sequence[str]) -> list[str]:
    """Column names that differ: a second of a name gets spaces behind it."""
    return [name + " " * names[:i].count(name) for i, name in enumerate(names)]


def export(study: Study, table: Table, key: str | None = None) -> None:
    """The table as CSV, Markdown and LaTeX."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.caption("Take this table with you:", width="content")
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
