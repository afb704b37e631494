"""What if I rerun: the command of any run, and what it takes. Nothing is run."""

from collections.abc import Mapping

import streamlit as st

from replication.browser.content.rerun import (
    Choice,
    Cost,
    at_hand,
    depths,
    expected_cost,
    in_study,
    no_depth,
    options,
    refusal,
)
from replication.browser.content.rerun import command as line_of
from replication.browser.controls import command
from replication.browser.names import encoder_labels
from replication.browser.pickers import Named, pick
from replication.browser.reading.study import Study
from replication.browser.words import plain
from replication.report.names import recommender_name, tuning_name
from replication.report.texts import sentence
from replication.study.params import Params


def show(study: Study) -> None:
    """Pickers, bound to the link by keys in `wi_`, and what their choice comes to."""
    params = study.params.content
    if params is None:
        st.info(plain(f"{study.params.problem or 'There is no params.yaml'}: no command can be ")
                + "made from it.")  # fmt: skip
        return
    st.markdown("Choose a run; this page runs nothing, it only says how to.")
    choice = _choice(
        params,
        {
            "recommender": recommender_name,
            "encoder": encoder_labels(study),
            "tuning": tuning_name,
        },
    )
    if reason := refusal(params, choice):
        st.warning(plain(f"This cannot be run: {sentence(reason)}"), icon=":material/block:")
        return
    st.markdown("As a DVC experiment, which leaves the study's results as they are:")
    if line := line_of(params, choice):
        command(line)
    else:
        st.warning("conf/ or params.yaml cannot be read: no command can be made from them.")
    if run := in_study(params, choice):
        st.markdown("It is part of the study, where this runs it:")
        command(run.command)
    ran = [
        (run.files["run"].content, run.files["cost"].content)
        for run in study.runs
        if run.files["run"].content and run.files["cost"].content
    ]
    st.markdown(cost_text(expected_cost(params, choice, ran)))


def _choice(params: Params, named: Mapping[str, Named]) -> Choice:
    own = at_hand(params)
    with st.container(horizontal=True, gap="small"):
        chosen = {
            name: pick(
                name.capitalize(),
                values,
                f"wi_{name}",
                getattr(own, name),
                width=290 if name == "encoder" else 125,
                named=named.get(name, str),
            )
            for name, values in options(params).items()
        }
        layers = _layers(params, chosen["encoder"], chosen["tuning"])
        seeds = sorted({own.seed, *params.grid.seeds})
        seed = pick("Seed", [str(s) for s in seeds], "wi_seed", str(own.seed), width=90)
    if reason := no_depth(params, chosen["encoder"], chosen["tuning"]):
        st.caption(plain(f"No layers to choose: {reason}."))
    return Choice(**chosen, seed=int(seed), layers=layers)


def _layers(params: Params, encoder: str, tuning: str) -> int | None:
    """The depth; None where there is none to choose."""
    known = [str(depth) for depth in depths(params, encoder, tuning)]
    if not known:
        return None
    own = str(params.registry[encoder].finetune_layers)
    return int(pick("Layers", known, "wi_layers", own, width=90))


def cost_text(cost: Cost) -> str:
    """Such as `Expected: 8.6 s, 1.6 GiB; measured on AMD EPYC, 2 cores (1 run).`"""
    if cost.basis is None:
        return plain(f"Expected time and memory: unknown, because {cost.reason}.")
    return f"**Expected: {plain(cost.text)}** ({cost.basis}; {plain(cost.reason)})."
