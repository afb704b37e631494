"""Page 7: what each deviation of the released code does."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from replication.browser.charts.shifts import domain, shifts_chart
from replication.browser.content.audits import (
    CHANCE,
    answer,
    bases_of,
    chance,
    claims_by_id,
    flip_command,
    keys_table,
    shifts,
    with_pairs,
)
from replication.browser.controls import (
    command,
    draw,
    scroll_table,
    show_rows,
    show_table,
)
from replication.browser.names import deviation_name
from replication.browser.pickers import pick
from replication.browser.reading.study import Study
from replication.browser.words import plain, signed
from replication.report.deviations import (
    bases_text,
    effects_table,
    flips_table,
    pair_name,
)
from replication.report.independence import S1_TEXT, s1_table
from replication.report.names import tuning_name
from replication.report.study import COMPARED
from replication.study.protocol import DEVIATIONS

PURPOSE = "What does each deviation of the released code do to the results?"
ACROSS = 2  # panels beside each other


def show(study: Study) -> None:
    pairs = study.comparison.content["audit"] if study.comparison.content else []
    bases = bases_of(pairs)
    if bases:
        first = st.container()
        base = pick("Starting from", bases, "base", bases[0], width=220)
        with first:
            st.markdown(plain(answer(pairs, base)))
    _states(study, pairs)
    if bases:
        _panels(pairs, base)
        st.caption(_reading(base))
    _deviation(study, pairs, bases)
    if bases:
        _tables(study, pairs, bases)


def _states(study: Study, pairs: Sequence[dict[str, Any]]) -> None:
    """Whatever keeps the figures from being those of the present files, and what mends it."""
    if study.comparison.problem:
        st.error(f"{signed('unreadable')}: {plain(study.comparison.problem)}. Make it again:")
        command(COMPARED)
    elif study.comparison.content is None:
        st.info(f"{signed('not run')}: nothing has been compared yet. Run:")
        command(COMPARED)
    elif not pairs:
        st.info("params.yaml names no pair to audit (`audit.pairs`).")
    _pairs(study, pairs)


def _pairs(study: Study, pairs: Sequence[dict[str, Any]]) -> None:
    """What was not run, is being run, or is stale, each kind at once, so that the picture stays in
    sight."""
    lines: dict[str, list[str]] = {"running": [], "not run": [], "stale": []}
    commands: dict[str, list[str]] = {word: [] for word in lines}
    for pair in pairs:
        stage = study.stage(f"audit@{pair['pair']}")
        name = pair_name(pair)
        if stage and stage.state == "running":
            lines["running"].append(f"{name}; reload to see the result")
        elif pair["missing"]:
            lines["not run"].append(name)
            commands["not run"].append(pair["missing"])
        elif stage and stage.state == "stale":
            lines["stale"].append(f"{name}: {stage.reason}")
            commands["stale"].append(stage.command)
    if study.comparison.content and (reason := study.stale("compare")):
        lines["stale"].append(f"the comparison: {reason}")
        commands["stale"].append(COMPARED)
    for word, of in lines.items():
        if of:
            show_state = st.warning if word == "stale" else st.info
            show_state(f"{signed(word)}: {plain('; '.join(of))}.")
        if commands[word]:
            command("\n".join(commands[word]))


def _panels(pairs: Sequence[dict[str, Any]], base: str) -> None:
    known = [(pair, found) for pair in pairs if (found := shifts(pair, base))]
    bands = [chance(pair) for pair, _ in known]
    ends = domain(
        [shift for _, found in known for shift in found],
        max((band for band in bands if band is not None), default=None),
    )
    title = f"AUC when flipped minus AUC of {base}"
    for i in range(0, len(known), ACROSS):
        columns = st.columns(ACROSS)
        for column, (pair, found), band in zip(columns, known[i:], bands[i:], strict=False):
            with column:
                st.markdown(f"**{plain(pair_name(pair))}**")
                told = "; ".join(
                    f"{s.deviation} {tuning_name(s.tuning)} {s.difference:+.4f}"
                    for s in found
                    if s.difference is not None
                )
                draw(f"{title}: {told}.", shifts_chart, found, band, ends, title)


def _reading(base: str) -> str:
    way = "takes the careful way" if base == "released" else "takes the released code's way"
    return (
        f"From *{plain(base)}* a flip {way}. Grey band: what another seed does in 95 of 100 draws, "
        f"by the spread between the seeds of each base; {CHANCE} is one of them. Filled: shown to "
        "move AUC, which is p < 0.05 after Holm's correction over the pair's tests, and larger "
        "than the band; hollow: not told from chance. Bars: paired 95 % intervals over users, "
        "clicked articles and that spread. Flips share one seed, and are compared with the base "
        "of that seed."
    )


def _deviation(study: Study, pairs: Sequence[dict[str, Any]], bases: Sequence[str]) -> None:
    st.subheader("One deviation", anchor=False)
    chosen = pick("Deviation", list(DEVIATIONS), "d", width=320, named=deviation_name)
    if chosen is None:
        st.caption("Choose one to see its keys, its effects and how to flip it.")
        return
    keys = keys_table(chosen, study.params.content)
    st.markdown(f"**{plain(keys.caption)}**")
    show_rows(keys, keep=keys.header)
    if params := study.params.content:
        line = flip_command(chosen, params)
        st.markdown("Flip it in the experiment at hand:")
        if line.content:
            command(line.content)
        else:
            st.warning(f"{signed('unreadable')}: {plain(line.problem or '')}")
    if pairs:
        st.markdown("Run the audit of a pair again:")
        stages = [shlex.quote(f"audit@{pair['pair']}") for pair in pairs]
        command("\n".join(f"dvc repro {stage}" for stage in stages))
    if effects := effects_table(pairs, bases).parts("deviation").get(chosen):
        [effects] = effects.parts("what the release does").values()
        show_rows(with_pairs(replace(effects, caption=f"Effects of {chosen}"), pairs))
    changed = [
        f"{row['claim']} ({pair_name(pair)}, from {row['base']})"
        for pair in pairs
        for row in pair["claims"]
        if row["changes"] and row["deviation"] == chosen
    ]
    if any(pair["claims"] for pair in pairs):
        names = ", ".join(changed)
        st.markdown(
            plain(f"It changes the verdict on {names}." if changed else "It changes no verdict.")
        )


def _independence(study: Study) -> None:
    """S1, the assumption that stands beside the deviations."""
    judged = study.claims.content["claims"] if study.claims.content else []
    table = s1_table(judged, list(judged[0]["verdicts"]) if judged else [])
    if table.rows:
        st.subheader("S1: independent impressions", anchor=False)
        show_table(study, table)
        st.caption(plain(S1_TEXT))


def _tables(study: Study, pairs: Sequence[dict[str, Any]], bases: Sequence[str]) -> None:
    st.subheader("Verdicts that change", anchor=False)
    claims = claims_by_id(study.claims)
    for pair in pairs:
        if pair["missing"]:
            continue
        st.markdown(f"**{plain(pair_name(pair))}** {plain(bases_text(pair))}")
        flips = flips_table(pair, claims)
        if flips.rows:
            show_table(study, flips, f"flips-{pair['pair']}")
        elif ids := ", ".join(dict.fromkeys(row["claim"] for row in pair["claims"])):
            st.markdown(plain(f"No flip changes the verdict on {ids}."))
        else:
            st.markdown("No claim compares the two tunings of this pair.")
    _independence(study)
    st.subheader("Every effect", anchor=False)
    table = with_pairs(effects_table(pairs, bases), pairs)
    scroll_table(study, table, f"from {bases[0]}")
    st.caption(plain(table.caption))
