"""Page 5: what the largest language model does for users with few clicks."""

from collections.abc import Iterable, Sequence
from typing import Any

import streamlit as st

from replication.browser.charts.groups import differences, levels
from replication.browser.content.claims import judged_claims
from replication.browser.content.cold_starts import (
    Contrast,
    answer,
    auc_table,
    claims_text,
    contrasts_of,
    differences_table,
    dots,
    none_text,
    rules_text,
    trends_table,
    users_table,
)
from replication.browser.content.gaps import gaps, missing_command
from replication.browser.controls import command, draw, scroll_table, show_table
from replication.browser.names import encoder_labels, encoders_text
from replication.browser.pickers import pick
from replication.browser.reading.study import Study
from replication.browser.words import plain, signed
from replication.report.names import encoder_name, recommender_name, tuning_name
from replication.report.study import COMPARED, GROUPS

PURPOSE = "Do larger language models help users with few clicks?"
BOTH = "both"


def show(study: Study) -> None:
    claims, contrasts = judged_claims(study), contrasts_of(study)
    st.markdown(f"##### {plain(answer(contrasts))}")
    st.markdown("  \n".join(map(plain, claims_text(claims, study.judged_on))))
    if contrasts and (reason := study.stale("compare")):
        st.warning(plain(f"{signed('stale')}: {reason}. Run `{COMPARED}`."))
    st.subheader("The largest model minus a smaller one", anchor=False)
    columns = st.columns(3)
    with columns[0]:
        smaller = _distinct(contrast.minus for contrast in contrasts)
        minus = pick(
            "Minus", smaller, "minus", smaller[-1] if smaller else None,
            named=encoder_labels(study),
        )  # fmt: skip
    with columns[1]:
        given = _distinct(experiment.tuning for experiment in study.grid)
        tuning = pick("Tuning", [BOTH, *given], "tuning", BOTH, named=tuning_name)
    with columns[2]:
        given = _distinct(experiment.protocol for experiment in study.grid)
        protocol = pick("Protocol", given, "protocol", given[0] if given else None)
    tunings = _distinct(
        experiment.tuning for experiment in study.grid if tuning in (BOTH, experiment.tuning)
    )
    if contrasts:
        chosen = [
            contrast
            for contrast in contrasts
            if (contrast.minus, contrast.protocol) == (minus, protocol)
            and contrast.tuning in tunings
        ]
        _differences(study, chosen)
    else:
        st.info(plain(none_text(study)))
    _levels(study, tunings, protocol)
    _users(study, claims)


def _differences(study: Study, contrasts: Sequence[Contrast]) -> None:
    points = [point for contrast in contrasts for point in contrast.points]
    if not points:
        st.info("For this choice no difference is known.")
        return
    first = contrasts[0]
    large, minus = map(encoder_name, (first.large, first.minus))
    title = f"AUC of {large} minus AUC of {minus}, by group of users"
    spoken = "; ".join(
        f"{recommender_name(p['recommender'])}, {tuning_name(p['tuning'])}, group {p['group']}: "
        f"{p['difference']:+.4f}"
        for p in points
    )
    draw(f"{title}: {spoken}", differences, points, title)
    st.caption(
        "Filled: significant, Holm-corrected p below 0.05; hollow: not. Bars: 95 % intervals. "
        "Above zero the largest model does better. The correction is over the groups and smaller "
        "models of a recommender, tuning and protocol."
    )
    trends = trends_table(contrasts)
    st.markdown(plain(trends.caption))
    show_table(study, trends, metric="trend per group")
    scroll_table(study, differences_table(study, contrasts), "AUC", rows=len(GROUPS))


def _levels(study: Study, tunings: Sequence[str], protocol: str | None) -> None:
    st.subheader("AUC of every model", anchor=False)
    names = _distinct(experiment.recommender for experiment in study.grid)
    recommender = pick(
        "Recommender", names, "recommender", names[0] if names else None, width=220,
        named=recommender_name,
    )  # fmt: skip
    experiments = [
        experiment
        for experiment in study.grid
        if (experiment.recommender, experiment.protocol) == (recommender, protocol)
        and experiment.tuning in tunings
    ]
    drawn = [
        dot | {"encoder": encoder_name(dot["encoder"]), "tuning": tuning_name(dot["tuning"])}
        for dot in dots(experiments)
    ]
    if drawn and recommender:
        spoken = "; ".join(
            f"{d['encoder']} {d['tuning']}, group {d['group']}: {d['auc']:.4f}" for d in drawn
        )
        title = f"AUC with {recommender_name(recommender)}, by group of users"
        encoders = _distinct(experiment.encoder for experiment in experiments)
        names = list(map(encoder_name, encoders))
        draw(f"{title}: {spoken}", levels, drawn, list(map(tuning_name, tunings)), names, title)
        told = plain(encoders_text(study, encoders))
        st.caption(f"Bars: 95 % intervals. The dashed line is chance, 0.5. {told}")
    else:
        st.info("Nothing of this has been run yet.")
    if lines := gaps(
        (encoder_name(p.encoder), tuning_name(p.tuning), p.state("cold_start")) for p in experiments
    ):
        st.markdown("\n".join(f"- {plain(line)}" for line in lines))
    if line := missing_command(experiments):
        st.markdown("All that has not been run:")
        command(line)
    scroll_table(study, auc_table(study, experiments), "AUC", rows=len(GROUPS))


def _users(study: Study, claims: Sequence[dict[str, Any]]) -> None:
    st.subheader("The groups", anchor=False)
    table = users_table(study, claims)
    if table is None:
        st.info(plain(study.params.problem or "The first run will tell who is in which group."))
        return
    st.markdown(plain(rules_text(study)))
    show_table(study, table)


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
