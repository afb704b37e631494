"""One function per kind of claim: from our runs to a verdict with the numbers behind it."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from replication.evaluation.intervals import interval
from replication.evaluation.reproduction import delta_relative_improvement, relative_improvement
from replication.paper import verdict
from replication.paper.claims import Claim, ColdGain, Cost, Depth, Gain, NotMonotone, SignOf
from replication.paper.cold_gains import judge_cold_gain
from replication.paper.evidence import Evidence, Place
from replication.paper.results import (
    NotJudged,
    Result,
    differences,
    known_models,
    located,
    not_testable,
    require_runs,
    result,
    whole,
)
from replication.paper.sizes import judge_cost, judge_order


def judge(claim: Claim, evidence: Evidence, protocol: str) -> Result:
    """The verdict on a claim under one protocol.

    verdict, reason (where it is no judgement), found and ci95 in the claim's unit (None where the
    claim has several parts), parts (what was compared, one by one), coverage [runs there are, runs
    needed], missing (commands for the others).
    """
    try:
        return _JUDGES[type(claim)](claim, evidence, protocol)
    except NotJudged as early:
        return early.result


def _gain(claim: Gain, evidence: Evidence, protocol: str) -> Result:
    wanted = [(claim.recommender, claim.model, tuning) for tuning in ("finetuned", "frozen")]
    places = located(evidence, protocol, wanted)
    tuned, frozen = (evidence.mean(place, claim.metric) for place in places)
    if not frozen or tuned is None:
        raise not_testable(f"{claim.metric} is undefined")
    gain = relative_improvement(tuned, frozen)
    assert gain is not None  # frozen is not 0
    replicates = evidence.replicates(protocol, claim.metric, None)
    a, b = (replicates[place] for place in places)
    return result(
        verdict.of_effect(100 * gain, claim.value, claim.tolerance),
        found=100 * gain,
        ci95=interval(100 * (a - b) / b),
        delta_relative_improvement=delta_relative_improvement(claim.value / 100, gain),
        finetuned=tuned,
        frozen=frozen,
        coverage=list(evidence.coverage(places)),
    )


def _depth(claim: Depth, evidence: Evidence, protocol: str) -> Result:
    encoder = evidence.paper_names.get(claim.model)
    key = (claim.recommender, encoder, "finetuned", protocol)
    places = [place for place in evidence.sweep if place[:4] == key]
    depths = [place.layers for place in places]
    if depths != list(claim.sweep):
        raise not_testable(
            f"the sweep of {claim.recommender} under {protocol} has "
            f"{f'depths {depths} of {encoder}' if depths else f'no depth of {claim.model}'}; "
            f"the claim is about {list(claim.sweep)}"
        )
    require_runs(evidence, places)
    best = best_depth(evidence, places, claim.metric)
    if best is None:
        raise not_testable(f"{claim.metric} is undefined")
    return result(
        verdict.of_depth(best["ci95"], claim.value, claim.tolerance),
        **best,
        coverage=list(evidence.coverage(places)),
    )


def best_depth(evidence: Evidence, places: Sequence[Place], metric: str) -> Result | None:
    """The depth with the best mean, and how sure that is.

    places: the depths of one sweep. Returns found, ci95 (the depths that hold the middle 95 % of
    replicates over impressions and seeds) and shares (of replicates in which each is best, in the
    order of places); None where the metric is undefined.
    """
    measured = [evidence.mean(place, metric) for place in places]
    means = [mean for mean in measured if mean is not None]
    replicates = evidence.replicates(places[0].protocol, metric, None)
    table = np.stack([replicates[place] for place in places])
    table = table[:, ~np.isnan(table).any(axis=0)]
    if len(means) < len(measured) or not table.size:
        return None
    depths = np.array([place.layers for place in places])
    winners = depths[table.argmax(axis=0)]
    ends = np.quantile(winners, [0.025, 0.975], method="inverted_cdf")
    return {
        "found": int(depths[np.argmax(means)]),
        "ci95": [int(end) for end in ends],
        "shares": [float((winners == depth).mean()) for depth in depths],
    }


def _sign(claim: SignOf, evidence: Evidence, protocol: str) -> Result:
    models = known_models(evidence, claim.models, 1)
    minus = claim.minus
    wanted = [
        side
        for recommender, model in itertools.product(claim.recommenders, models)
        for side in (
            (recommender, model, claim.tuning),
            (recommender, minus.model or model, minus.tuning),
        )
    ]
    places = located(evidence, protocol, wanted)
    pairs = list(zip(places[::2], places[1::2], strict=True))
    parts = differences(evidence, pairs, claim.metric)
    expected = 1 if claim.sign == "positive" else -1
    for part in parts:
        part["verdict"] = verdict.of_sign(part["ci95"], expected, part["p_holm"])
    return whole(evidence, places, parts)


_JUDGES: dict[type, Callable[[Any, Evidence, str], Result]] = {
    Gain: _gain,
    Depth: _depth,
    SignOf: _sign,
    NotMonotone: judge_order,
    ColdGain: judge_cold_gain,
    Cost: judge_cost,
}
