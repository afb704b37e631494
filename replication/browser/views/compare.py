"""Page 3: two runs side by side, and whether their difference is more than chance."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from replication.browser.charts.curves import MEASURES, learning_curves
from replication.browser.content.candidates import Candidate, candidates, default_pair
from replication.browser.content.claims import judged_claims
from replication.browser.content.comparing import Test, answer, commands, paired_test
from replication.browser.content.differing import (
    cautions,
    cost_table,
    digests_table,
    metrics_table,
    parameters_table,
    same_machine,
)
from replication.browser.controls import command, draw, show_table
from replication.browser.pickers import pick, set_link, told
from replication.browser.reading.runs import READY
from replication.browser.reading.study import Study
from replication.browser.words import plain, signed
from replication.browser.workspace.dvc_experiments import read_dvc_experiments, rerun
from replication.report.texts import sentence

PURPOSE = "What differs between two runs, and is the difference more than chance?"
FIRST, SECOND, ALL = "a", "b", "all"  # keys of a link
BOTH = ("A", "B", "paired test")  # columns that are shown though alike in all rows


def show(study: Study) -> None:
    experiments = read_dvc_experiments()
    known = candidates(study.runs, experiments.found)
    pair = _picked(known, _first_claims(study))
    if experiments.problem:
        st.caption(plain(sentence(experiments.problem)))
    if pair is None:
        st.info("There are not two runs to choose from. `dvc repro` makes those of the study.")
        return
    a, b = pair
    with st.spinner("Pairing the impressions ...", show_time=True):
        test = paired_test(a, b, study)
    st.markdown(f"**{plain(answer(a, b, test))}**")
    if a.key != b.key:
        _metrics(a, b, test, study)
        _cost(a, b, study)
        _curves({"A": a, "B": b})
        _origins(a, b, study)
    _commands({"A": a, "B": b}, study)


# ---------------------------------------------------------------- the choice


def _first_claims(study: Study) -> tuple[str, str | None] | None:
    """Recommender and our encoder of the first claim that compares two tunings: C1."""
    claims, params = judged_claims(study), study.params.content
    about = next((claim for claim in claims if claim["kind"] == "gain"), None)
    if about is None or params is None:
        return None
    return about["recommender"], params.paper.get(about["model"])


def _picked(
    known: Mapping[str, Candidate], about: tuple[str, str | None] | None
) -> tuple[Candidate, Candidate] | None:
    given = [key if key in known else None for key in map(st.query_params.get, (FIRST, SECOND))]
    first, second = default_pair(known, given[0], given[1], about)
    if first is None or second is None:
        return None
    left, right, last = st.columns([5, 5, 2], vertical_alignment="bottom")
    for column, label, key, default in (
        (left, "First run", FIRST, first), (right, "Second run", SECOND, second),
    ):  # fmt: skip
        with column:
            pick(label, list(known), key, default, named=lambda each: known[each].label)
    # What stands for no choice is swapped as well.
    last.button(
        "Swap", icon=":material/swap_horiz:", on_click=_link, args=(second, first),
        help="The first run becomes the second",
    )  # fmt: skip
    a, b = known[first], known[second]
    lines = [
        f"**{letter}**: {plain(one.description)} · {plain(signed_state(one))}"
        for letter, one in (("A", a), ("B", b))
    ]
    if missing := [name for name, key in zip(("first", "second"), given, strict=True) if not key]:
        lines.append(f"No {' and no '.join(missing)} run is chosen: an example stands here.")
    st.caption("  \n".join(lines))
    return a, b


def signed_state(candidate: Candidate) -> str:
    """Such as `ready` or `↺ stale`."""
    word = candidate.state.word
    return word if word == READY else signed(word)


def _link(a: str, b: str) -> None:
    st.query_params.update({FIRST: a, SECOND: b})


# ---------------------------------------------------------------- what is shown of it


def _metrics(a: Candidate, b: Candidate, test: Test, study: Study) -> None:
    if test.command:
        st.markdown("This makes the scores that the test needs:")
        command(test.command)
    if lines := cautions(a, b):
        st.warning("\n\n".join(map(plain, lines)), icon=":material/warning:")
    st.subheader("Metrics", anchor=False)
    show_table(study, metrics_table(a, b, test.gaps), keep=BOTH)
    if test.gaps:
        st.caption(
            "Intervals of B - A are bootstrapped over impressions, p is of the paired t-test. Both "
            "speak of these two runs; other seeds would give other runs."
        )


def _cost(a: Candidate, b: Candidate, study: Study) -> None:
    if a.run.cell.cost is None and b.run.cell.cost is None:
        return
    st.subheader("Cost", anchor=False)
    for letter, one in (("A", a), ("B", b)):
        if one.run.cell.cost is None:
            st.markdown(plain(f"What {letter} cost is not known{_why(one, 'cost')}."))
    taken = {
        name: file.content["seconds"] if file.content else None
        for name, file in study.adapters.items()
    }
    table = cost_table(a, b, taken)
    if not same_machine(a, b):
        st.warning(
            "The runs are not known to have had the same hardware: times and memory are not "
            "comparable.",
            icon=":material/warning:",
        )
    show_table(study, table, keep=BOTH)


def _curves(both: Mapping[str, Candidate]) -> None:
    found = {letter: _training(one).get("curve") for letter, one in both.items()}
    curves = {letter: curve for letter, curve in found.items() if curve}
    if not curves:
        return
    st.subheader("Learning curves", anchor=False)
    if missing := [letter for letter in both if letter not in curves]:
        st.caption(f"Run {missing[0]} has none.")
    for column, measure in zip(st.columns(len(MEASURES)), MEASURES, strict=True):
        ends = "; ".join(
            f"{letter} ends at step {curve[-1][0]} with {_figure(curve[-1][MEASURES[measure]])}"
            for letter, curve in curves.items()
        )
        with column:
            draw(f"{measure} by training step: {ends}.", learning_curves, curves, measure)


def _figure(value: float | None) -> str:
    return "an unknown value" if value is None else f"{value:.4f}"


def _training(candidate: Candidate) -> dict[str, Any]:
    run = candidate.run.cell.run
    return run["training"] if run else {}


def _origins(a: Candidate, b: Candidate, study: Study) -> None:
    """Parameters and digests; both are told in run.json."""
    st.subheader("Parameters", anchor=False)
    if without := [
        f"{letter} has no run.json that can be read{_why(one, 'run')}"
        for letter, one in (("A", a), ("B", b))
        if one.run.cell.run is None
    ]:
        st.markdown(plain(f"Neither these nor digests can be compared: {'; '.join(without)}."))
        return
    told(ALL, "Parameters shown", ["yes"])
    everything = st.query_params.get(ALL) == "yes"
    table, same = parameters_table(a, b, everything)
    st.markdown(
        f"{len(table.rows) - same * everything} differ, {same} identical"
        f"{'' if everything else ' hidden'}."
    )
    # A button, for Enter does not turn a toggle.
    label = "Show only what differs" if everything else f"Show all {len(table.rows) + same}"
    st.button(label, key=ALL, on_click=_show_all, args=(not everything,))
    if table.rows:
        show_table(study, table, keep=BOTH)
    st.subheader("Data and checkpoints", anchor=False)
    show_table(study, digests_table(a, b), keep=BOTH)


def _why(candidate: Candidate, kind: str) -> str:
    """Why a file is missing, in brackets; nothing where the whole run is, for that is told."""
    if candidate.run.cell.metrics is None:
        return ""
    return f" ({candidate.run.state(kind).reason})"


def _show_all(wanted: bool) -> None:
    set_link(ALL, "yes" if wanted else None)


def _commands(both: Mapping[str, Candidate], study: Study) -> None:
    st.subheader("Run them again", anchor=False)
    for letter, candidate in both.items():
        experiment = candidate.dvc_experiment
        text = rerun(experiment) if experiment else commands(candidate, study)
        st.markdown(f"**{letter}**, {plain(candidate.description)}")
        if text:
            command(text)
        else:
            st.markdown("No command is known: it cannot be told with what parameters it was run.")
        if experiment:
            st.markdown("To bring back its code, parameters and results:")
            command(experiment.restore)
