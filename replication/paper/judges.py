"""One function per kind of claim: from our runs to a verdict with the numbers behind it."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from replication.evaluation.reproduction import delta_relative_improvement
from replication.paper import verdict
from replication.paper.claims import (
    Claim,
    ColdGain,
    Cost,
    Depth,
    Gain,
    NotMonotone,
    SignOf,
    models_of,
)
from replication.paper.cold_gains import judge_cold_gain
from replication.paper.costs import judge_cost
from replication.paper.depths import best_depth
from replication.paper.effects import relative_gain
from replication.paper.evidence import Evidence, Place
from replication.paper.models import MODELS
from replication.paper.power import power_of, untold
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
from replication.paper.robustness import beside_naive, with_seeds
from replication.paper.sizes import judge_order


def judge(claim: Claim, evidence: Evidence, protocol: str) -> Result:
    """The verdict on a claim under one protocol.

    verdict, reason (where it is no judgement), sign and size (the answers to either question, None
    where the claim does not ask it), found and ci95 in the claim's unit (None where the claim has
    several parts), parts (what was compared, one by one), coverage [runs there are, runs needed],
    missing (commands for the others), stand_ins (models of the claim in whose place another
    stands, with its name); and what `robustness` and `power` add (power_reason: why
    there is no `power`).
    """
    stand_ins = {"stand_ins": evidence.stand_ins(models_of(claim))}
    try:
        found = _JUDGES[type(claim)](claim, evidence, protocol) | stand_ins
    except NotJudged as early:
        return _told(early.result | stand_ins)
    places = found["places"]
    found["coverage"] = list(evidence.coverage(places))
    found["power_reason"] = untold(claim)
    if found["verdict"] == "not testable" or isinstance(claim, Cost):
        return _told(found)
    naive = _JUDGES[type(claim)](claim, evidence.naive, protocol)
    found = beside_naive(claim, evidence, found, naive)
    found["power"] = power_of(claim, evidence, places)
    return _told(with_seeds(claim, evidence, found))


def decide(claim: Claim, evidence: Evidence, protocol: str) -> Result:
    """What `judge` says, without what it shows beside: `naive` and what follows from it, and
    `power`."""
    try:
        found = _JUDGES[type(claim)](claim, evidence, protocol)
    except NotJudged as early:
        return _told(early.result)
    decided = found["verdict"] != "not testable" and not isinstance(claim, Cost)
    return _told(with_seeds(claim, evidence, found) if decided else found)


def _told(found: Result) -> Result:
    """Without what only a judge needs, and with each key that a reader asks for."""
    kept = {key: value for key, value in found.items() if key != "places"}
    absent = ("these_runs", "naive", "hangs_on_independence", "design_effect", "seeds", "power",
              "power_reason")  # fmt: skip
    return dict.fromkeys(absent) | kept


def _gain(claim: Gain, evidence: Evidence, protocol: str) -> Result:
    wanted = [(claim.recommender, claim.model, tuning) for tuning in ("finetuned", "frozen")]
    places = located(evidence, protocol, wanted)
    tuned, frozen = (evidence.mean(place, claim.metric) for place in places)
    gain, p, ends = relative_gain(evidence, places[0], places[1], claim.metric)
    if gain is None:
        raise not_testable(f"{claim.metric} is undefined")
    sign = verdict.of_sign(ends, 1 if claim.value > 0 else -1, p)
    return result(
        sign,
        sign=sign,
        size=verdict.of_size(ends, claim.value, claim.tolerance),
        found=gain,
        ci95=ends,
        p=p,
        delta_relative_improvement=delta_relative_improvement(claim.value / 100, gain / 100),
        finetuned=tuned,
        frozen=frozen,
        places=places,
    )


def _depth(claim: Depth, evidence: Evidence, protocol: str) -> Result:
    encoder = evidence.paper_names.get(claim.model)
    key = (claim.recommender, encoder, "finetuned", protocol)
    places = [place for place in evidence.sweep if place[:4] == key]
    depths = [place.layers for place in places]
    theirs = MODELS[claim.model].layers
    if encoder and places and evidence.layers[encoder] != theirs:
        return _another_depth(claim, evidence, places, evidence.layers[encoder], theirs)
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
    word = verdict.of_depth(best["candidates"], claim.value, claim.tolerance)
    return result(word, **best, places=places)


def _another_depth(
    claim: Depth, evidence: Evidence, places: Sequence[Place], layers: int, theirs: int
) -> Result:
    """No verdict: a depth of one model is not one of another. What its own best depth is, is told.

    depths: those of places.
    """
    require_runs(evidence, places)
    best = best_depth(evidence, places, claim.metric)
    depths = [place.layers for place in places]
    reason = (
        f"another model: {places[0].encoder} has {layers} layers, and the claim is about one of "
        f"{theirs}"
    )
    if best is not None:
        reason += f". Of its own depths, {_listed(depths)}, {_standing_out(best, depths)}"
        single = min(len(evidence.ran(place)) for place in places) == 1
        reason += ", on these very runs: one seed each" if single else ""
    return result("not testable", reason, **best or {}, depths=depths, places=places)


def _listed(numbers: Sequence[int | None]) -> str:
    """0, 2, 4 and 6."""
    *first, last = map(str, numbers)
    return f"{', '.join(first)} and {last}" if first else last


def _standing_out(best: Result, depths: Sequence[int | None]) -> str:
    found, others = best["found"], [d for d in best["candidates"] if d != best["found"]]
    if len(best["candidates"]) == len(depths):
        return f"no depth stands out: {found} has the largest mean, and any may be the best"
    if others:
        return f"{found} has the largest mean, and {_listed(others)} may be the best as well"
    return f"{found} stands out as the best"


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
    word = verdict.of_every_sign(
        [part["verdict"] for part in parts],
        [part["p"] for part in parts],
        [expected * (part["found"] or 0) > 0 for part in parts],
    )
    return whole(word, places, parts, sign=word)


_JUDGES: dict[type, Callable[[Any, Evidence, str], Result]] = {
    Gain: _gain,
    Depth: _depth,
    SignOf: _sign,
    NotMonotone: judge_order,
    ColdGain: judge_cold_gain,
    Cost: judge_cost,
}
