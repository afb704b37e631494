"""Page 8: the questions beyond the paper, their answers, and what each rests on."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from replication.browser.controls import command, draw, scroll_table, show_table
from replication.browser.reading.study import Study
from replication.browser.words import plain, signed
from replication.paper.words import word_counts
from replication.report.beyond import (
    ABOUT,
    answer_text,
    answer_word,
    parts_table,
    questions_table,
    sentence_of,
)
from replication.report.figures.curves import curves_panel

PURPOSE = "What does the paper leave open, and what do our runs say of it?"
ANSWER = "dvc repro questions"
ACROSS = 3  # panels beside each other


def show(study: Study) -> None:
    found = study.questions
    if found.problem:
        st.error(f"{signed('unreadable')}: {plain(found.problem)}. Make it again:")
        command(ANSWER)
        return
    if found.content is None:
        st.info(f"{signed('not run')}: no question has been put to the runs yet. Run:")
        command(ANSWER)
        return
    if reason := study.stale("questions"):
        st.warning(f"{signed('stale')}: {plain(reason)}. Run:")
        command(ANSWER)
    questions = found.content["questions"]
    words = [answer["word"] for q in questions for answer in q["answers"].values()]
    st.markdown(f"##### {plain(word_counts(words))}")
    st.markdown(ABOUT)
    scroll_table(study, questions_table(questions))
    for question in questions:
        _question(study, question)


def _question(study: Study, question: Mapping[str, Any]) -> None:
    st.subheader(plain(f"{question['id']} {question['title']}"), anchor=False)
    st.markdown(f"**{plain(sentence_of(dict(question)))}**")
    several = len(question["answers"]) > 1
    for protocol, answer in question["answers"].items():
        label = f"{protocol}: " if several else ""
        st.markdown(plain(f"{label}{answer_text(answer)}"))
        _panels(answer, question["id"])
        if table := parts_table(dict(question), protocol):
            show_table(study, table)
    with st.expander("What would answer it, and what it needs"):
        st.markdown(f"*Yes*: {plain(question['yes'])}")
        st.markdown(f"*No*: {plain(question['no'])}")
        st.markdown(f"*Needs*: {plain(question['needs'])}")
        st.markdown(f"*What counts*: {plain(question['effect_reason'])}")
        if question["command"]:
            command(question["command"])


def _panels(answer: Mapping[str, Any], name: str) -> None:
    curves = [curve for curve in answer["curves"] if curve["points"]]
    for i in range(0, len(curves), ACROSS):
        for column, curve in zip(st.columns(ACROSS), curves[i:], strict=False):
            with column:
                told = "; ".join(
                    f"{p['line']} at {p['x']:.2f}: {p['y']:.4f}" for p in curve["points"]
                )
                draw(f"{name}, {curve['y']} by {curve['x']}: {told}.", curves_panel, dict(curve))
    if curves:
        st.caption(
            "Points: means over experiments, with 95 % intervals over users and clicked articles. "
            f"{plain(answer_word(dict(answer)))}."
        )
