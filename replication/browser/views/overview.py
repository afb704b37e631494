"""Page 1: which claims hold, and how far our figures are from the paper's."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from replication.browser.charts.dumbbell import Pair, dumbbell
from replication.browser.content.claims import claims_summary, judged_claims, summary
from replication.browser.content.rerun import study_cost
from replication.browser.controls import command, draw, pick, show_rows, show_table
from replication.browser.reading.experiments import Experiment
from replication.browser.reading.study import Study
from replication.browser.words import MEANINGS, SIGNS, counted, plain, signed
from replication.report.independence import answers_text
from replication.report.texts import kind_of, listed, sentence
from replication.report.verdicts import found_number, judged_table, parts_table

PURPOSE = "Which of the paper's claims hold, and how sure is that?"
IN_PERCENT = ("gain", "cold_gain")  # kinds of claims whose figure is one


def show(study: Study) -> None:
    claims = judged_claims(study)
    st.markdown(f"##### {summary(study.grid)} {claims_summary(claims)}")
    if not any(experiment.done for experiment in study.grid):
        _empty(study)
    protocols = list(claims[0]["verdicts"]) if claims else []
    st.subheader("The claims", anchor=False)
    show_table(study, judged_table(claims, protocols))
    _legend(claims)
    _detail(claims, protocols)
    st.subheader("Ours beside the paper's", anchor=False)
    _gains(claims, protocols)
    _figures(study.grid)


def _empty(study: Study) -> None:
    """What runs the study, and what that takes."""
    st.info("Nothing has been run yet. This runs the whole study, from data to report:")
    command("dvc repro")
    if params := study.params.content:
        cost = study_cost(params)
        why = sentence(cost.reason or "")
        st.caption(plain(f"The grid and the sweep are expected to take {cost.text}. {why}"))


def _legend(claims: Sequence[dict[str, Any]]) -> None:
    words = {kind_of(v["verdict"]) for claim in claims for v in claim["verdicts"].values()}
    meant = [f"{SIGNS[word]} *{word}*: {MEANINGS[word]}" for word in SIGNS if word in words]
    st.caption(". ".join(meant) + ".")


def _detail(claims: Sequence[dict[str, Any]], protocols: Sequence[str]) -> None:
    """One claim, with all that was compared for it."""
    named = {claim["id"]: claim for claim in claims}
    chosen = pick("What was compared for", list(named), "claim")
    if chosen is None:
        return
    claim = named[chosen]
    st.markdown(f"**{plain(claim['statement'])}** {plain(_terms(claim))}")
    for protocol in protocols:
        st.markdown(_judged(claim, protocol))
    if table := parts_table(claim, protocols):
        show_rows(table)


def _terms(claim: dict[str, Any]) -> str:
    lines = [f"Source: {claim['source']}; confidence in the figure: {claim['confidence']}."]
    if claim["value"] is None and claim.get("value_reason"):
        lines.append(claim["value_reason"])
    if claim.get("tolerance") is not None:
        lines.append(f"Tolerance: {claim['tolerance']:g}.")
    lines.append(claim["tolerance_reason"])
    if claim.get("reading"):
        lines.append(f"Our reading: {claim['reading']}")
    return " ".join(lines)


def _judged(claim: dict[str, Any], protocol: str) -> str:
    result = claim["verdicts"][protocol]
    text = f"Under *{plain(protocol)}*: **{plain(signed(result['verdict']))}**"
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
    if result["missing"]:
        text += f" Run {listed(result['missing'])}."
    return text


def _gains(claims: Sequence[dict[str, Any]], protocols: Sequence[str]) -> None:
    pairs = [
        Pair(
            claim["id"] if len(protocols) == 1 else f"{claim['id']}, {protocol}",
            claim["verdicts"][protocol]["found"],
            claim["verdicts"][protocol]["ci95"],
            claim["value"],
            claim["verdicts"][protocol]["verdict"],
        )
        for claim in claims
        for protocol in protocols
        if claim["kind"] in IN_PERCENT and claim["value"] is not None
    ]
    if pairs:
        st.markdown("Gains that a claim puts a figure on, farthest apart first.")
        text = "; ".join(
            f"{p.label}: ours {'not known' if p.ours is None else f'{p.ours:+.2f} %'}, "
            f"the paper {p.paper:+.2f} %"
            for p in pairs
        )
        draw(text, dumbbell, pairs, "gain in percent", "+.1f")


def _figures(experiments: Sequence[Experiment]) -> None:
    figures = [(experiment, experiment.figure("auc")) for experiment in experiments]
    known = [(experiment, figure) for experiment, figure in figures if figure.paper is not None]
    if known:
        st.markdown("AUC of the grid's experiments, farthest from the paper's first.")
    else:
        st.markdown(
            "For no experiment is the paper's AUC known here: its tables are imported with "
            "`python -m replication paper import FILE`. Ours alone:"
        )
    pairs = [
        Pair(experiment.key, figure.ours, figure.ci95, figure.paper, figure.verdict)
        for experiment, figure in known or figures
    ]
    draw(
        f"AUC of {counted(len(pairs), 'experiment')}; the page Results has the figures.",
        dumbbell,
        pairs,
        "AUC",
        ".3f",
    )
