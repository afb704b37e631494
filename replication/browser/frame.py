"""What every page has: its question, the banner on demo data, and where the figures come from."""

from pathlib import Path

import streamlit as st
from altair.utils.schemapi import debug_mode

from replication.browser.content.provenance import commit
from replication.browser.reading.study import Study, read_study
from replication.browser.views import VIEWS
from replication.browser.views.overview import PAPER, TITLE
from replication.browser.words import counted, plain
from replication.study import paths

ICON = Path(__file__).with_name("icon.svg")  # Streamlit would fetch one that it is told by name


def framed(name: str) -> None:
    """Read the study and show one page of it, by its address."""
    view = next(view for view in VIEWS if view.name == name)
    study = read_study()
    first = view is VIEWS[0]
    st.header(TITLE if first else view.title, anchor=False)
    if first:
        st.markdown(PAPER)
    st.markdown(f"**{view.purpose}**")
    _banner(study, whole=first)
    if study.params.content is None and not study.runs and not paths.REPORTS.is_dir():
        st.error(
            "There is no study in this folder. Start the app from the project's folder: "
            "`streamlit run app.py`."
        )
    with debug_mode(False):  # the tests check the charts; here it would take half of their time
        view.show(study)
    _footer(study)


def _banner(study: Study, whole: bool) -> None:
    """On demo data a warning; after the first page, a thin strip."""
    if study.demo and not whole:
        st.caption(f":material/science: {study.note}")
    elif study.demo:
        st.warning(
            f"**{study.note}** A synthetic corpus and small models.", icon=":material/science:"
        )
    if problems := study.problems:
        st.error(
            f"{counted(len(problems), 'problem')} with the study's files; what cannot be read is "
            f"left out. The first: {plain(problems[0])}. All: page *Provenance and health*.",
            icon=":material/error:",
        )


def _footer(study: Study) -> None:
    params = study.params.content
    parts = [
        f"commit {commit()}",
        f"dvc.lock {study.stages.lock_digest or 'missing'}",
        f"profile {study.profile or 'unknown'}",
        f"protocol {', '.join(params.grid.every_protocol) if params else 'unknown'}",
        f"loaded {study.loaded:%Y-%m-%d %H:%M:%S} UTC",
    ]
    st.divider()
    st.caption(" · ".join(plain(part) for part in parts))
