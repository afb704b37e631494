"""Page 1: the study, its answer by state, and every claim with what lies behind it."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from replication.browser.charts.dumbbell import Pair, dumbbell
from replication.browser.content.claims import judged_claims
from replication.browser.content.first_page import (
    QUESTIONS,
    answer,
    by_question,
    claim_terms,
    stand_ins,
    tiles,
)
from replication.browser.content.rerun import study_cost
from replication.browser.controls import command, draw, export, show_rows
from replication.browser.pickers import told
from replication.browser.reading.study import Study
from replication.browser.words import MEANINGS, SIGNS, counted, plain, signed
from replication.paper import words
from replication.report.independence import answers_text
from replication.report.names import encoder_name, recommender_name
from replication.report.study import COMPARED
from replication.report.texts import sentence
from replication.report.verdicts import (
    found_number,
    judged_table,
    ours_of,
    paper_of,
    parts_table,
)

PURPOSE = "Which language model should a news recommender use, and is it worth fine-tuning it?"
TITLE = "Language models in neural news recommenders: a replication"
PAPER = (
    "A replication of [Revisiting Language Models in Neural News Recommender Systems]"
    "(https://arxiv.org/abs/2501.11391) (Zhao, Huang, Vos and de Rijke, ECIR 2025)."
)
IN_PERCENT = ("gain", "cold_gain")  # kinds of claims whose figure is one
NEXT = (
    ("results", "Results", "every experiment beside the paper's figures, and the command for each"),
    ("compare", "Compare", "two runs side by side, with a paired test"),
    ("audit", "Protocol audit", "what each deviation of the released code does"),
)
Record = dict[str, Any]


def show(study: Study) -> None:
    claims, data = judged_claims(study), study.judged_on
    protocols = list(claims[0]["verdicts"]) if claims else []
    st.markdown(f"##### {plain(answer(claims, protocols, data))}")
    _tiles(study, claims, protocols)
    if not any(experiment.done for experiment in study.grid):
        _empty(study)
    _claims(study, claims, protocols)
    st.subheader("Ours beside the paper's", anchor=False)
    _gains(claims, protocols, data)
    if table := stand_ins(study):
        st.subheader("What stands for the paper's models", anchor=False)
        show_rows(table)
    st.subheader("Where to go next", anchor=False)
    st.markdown("\n".join(f"- [{title}]({name}): {what}" for name, title, what in NEXT))


def _tiles(study: Study, claims: Sequence[Record], protocols: Sequence[str]) -> None:
    found = tiles(study, claims, protocols)
    for column, (title, large, small) in zip(st.columns(len(found)), found, strict=True):
        with column.container(border=True, height="stretch", gap=None):
            st.caption(title)
            st.markdown(f"**{plain(large)}**")
            st.caption(plain(small))


def _empty(study: Study) -> None:
    """What runs the study, and what that takes."""
    st.info("Nothing has been run yet. This runs the whole study, from data to report:")
    command("dvc repro")
    if params := study.params.content:
        cost = study_cost(params)
        why = sentence(cost.reason or "")
        st.caption(plain(f"The grid and the sweep are expected to take {cost.text}. {why}"))


def _claims(study: Study, claims: Sequence[Record], protocols: Sequence[str]) -> None:
    """A row per claim, under its question, that opens; on a narrow screen a row is a card."""
    told("claim", "Claim", [claim["id"] for claim in claims])
    opened = st.query_params.get("claim")
    st.subheader("The paper's claims", anchor=False)
    for name, of in by_question(claims).items():
        st.markdown(f"**{name.capitalize()}.** {QUESTIONS[name]}")
        for claim in of:
            with st.expander(_row(claim, protocols, study.judged_on), claim["id"] == opened):
                _detail(claim, protocols, study.judged_on)
    export(study, judged_table(claims, protocols, study.judged_on))
    shown = [words.told(c, r, study.judged_on) for c in claims for r in c["verdicts"].values()]
    kinds = {words.kind_of(text) for found in shown for text in _texts(found)}
    meant = [f"{SIGNS[kind]} *{kind}*: {MEANINGS[kind]}" for kind in SIGNS if kind in kinds]
    st.caption(". ".join(meant) + ".")


def _texts(found: words.Told) -> list[str]:
    return [found.word, *([found.aside.partition(": ")[2]] if found.aside else [])]


def _row(claim: Record, protocols: Sequence[str], data: str | None) -> str:
    """The claim, the paper's figure, ours, and the word for it under each protocol."""
    parts = [f"{plain(claim['id'])} **{plain(claim['statement'])}**"]
    parts.append(f"The paper: {plain(paper_of(claim))}")
    for protocol in protocols:
        result = claim["verdicts"][protocol]
        word, aside = words.told(claim, result, data)
        under = f", {plain(protocol)}" if len(protocols) > 1 else ""
        ours = f"ours{under}: {plain(str(ours_of(claim, result)))}"
        if aside is None:
            parts += [ours, f"**{plain(signed(word))}**"]
        else:
            parts += [plain(signed(word)), f":gray[{plain(aside)}; {ours}]"]
    return " · ".join(parts)


def _detail(claim: Record, protocols: Sequence[str], data: str | None) -> None:
    st.markdown("  \n".join(f"*{name}*: {plain(text)}" for name, text in claim_terms(claim)))
    for protocol in protocols:
        st.markdown(_judged(claim, protocol, data))
    if table := parts_table(claim, protocols, data):
        show_rows(table)
    missing = [line for p in protocols for line in claim["verdicts"][p]["missing"]]
    command("\n".join(dict.fromkeys(missing)) if missing else COMPARED)


def _judged(claim: Record, protocol: str, data: str | None) -> str:
    result = claim["verdicts"][protocol]
    word, aside = words.told(claim, result, data)
    text = f"Under *{plain(protocol)}*: {plain(signed(word))}"
    text += f" :gray[({plain(aside)})]" if aside else ""
    if result["found"] is not None:
        text += plain(f", {found_number(claim, result['found'], result['ci95'])}")
    text += "."
    ran, of = result["coverage"]
    if of:
        text += f" It rests on {ran} of {counted(of, 'run')}."
    if answers := answers_text(result):
        text += " " + plain(answers)
    if result["reason"]:
        text += " " + plain(sentence(result["reason"]))
    if decides := words.would_decide(result):
        text += " " + plain(decides)
    return text


def _gains(claims: Sequence[Record], protocols: Sequence[str], data: str | None) -> None:
    pairs = [
        Pair(
            _short(claim) if len(protocols) == 1 else f"{_short(claim)}, {protocol}",
            claim["verdicts"][protocol]["found"],
            claim["verdicts"][protocol]["ci95"],
            claim["value"],
            words.told(claim, claim["verdicts"][protocol], data).word,
            claim.get("tolerance"),
        )
        for claim in claims
        for protocol in protocols
        if claim["kind"] in IN_PERCENT and claim["value"] is not None
    ]
    if not pairs:
        return
    text = "; ".join(
        f"{p.label}: ours {'not known' if p.ours is None else f'{p.ours:+.2f} %'}, "
        f"the paper {p.paper:+.2f} %"
        for p in pairs
    )
    draw(text, dumbbell, pairs, "gain in percent", "+.0f")
    lines = "Lines: 95 % intervals of ours. Bands: the paper's figure and its tolerance."
    if data is not None:
        lines += f" Ours are of {'the demo' if data == 'demo' else data}: no evidence."
    st.caption(lines)


def _short(claim: Record) -> str:
    """Such as `C1: NRMS, BERT-base`."""
    names = [recommender_name(claim["recommender"])] if "recommender" in claim else []
    return f"{claim['id']}: {', '.join([*names, encoder_name(claim['model'])])}"
