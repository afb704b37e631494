"""Q3, other languages: do the same encoders come in the same order on two data sets?

Kendall's tau between their mean AUC here and in the study beside, frozen, in each recommender, on
average over those that both have. It is uncertain for two reasons, whose variances add up: other
impressions and seeds would give other means (replicates of `Evidence.replicates`, drawn in either
study by itself), and other encoders would come in other orders. For the second, the encoders of one
study are permuted, alike in all recommenders, for these rank them much alike: what tau is then is
what it would be if the orders had nothing to do with each other.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import stats

from replication.evaluation.intervals import interval
from replication.paper import verdict
from replication.paper.evidence import Evidence, Place
from replication.paper.questions import Question
from replication.paper.results import (
    NotJudged,
    Result,
    correct,
    not_testable,
    require_runs,
    result,
)
from replication.questions.asked import Asked
from replication.study.params import Params

LEAST = 5  # encoders: of four, 2 of 24 orders are as far from chance as the same or the reverse
EVERY = 8  # as many encoders are permuted in every way, more of them at random
DRAWN = 5000
SEED = 1  # of those drawn
TOLD = "told: the answer is that of all recommenders"
BORDER = float(stats.norm.isf(0.025))


def judge(question: Question, asked: Asked, protocol: str) -> Result:
    """Tau on average over recommenders; that of each is told."""
    beside = asked.beside
    recommenders, encoders = _shared(asked, beside.params, beside.evidence, protocol)
    sides = [
        _Side(evidence, protocol, recommenders, encoders, whose)
        for evidence, whose in ((asked.evidence, "here"), (beside.evidence, "in the study beside"))
    ]
    means, drawn = [side.means for side in sides], [side.replicates for side in sides]
    orders = _permutations(len(encoders))
    name = f"{len(encoders)} encoders here and in the study beside, {beside.params.profile}"

    def part(what: str, rows: slice) -> Result:
        found = float(mean_tau(*(m[rows, :, None] for m in means))[0])
        by_chance = mean_tau(means[0][rows, :, None], means[1][rows][:, orders.T])
        sampled = mean_tau(*(d[rows] for d in drawn))
        return _part(question, f"order of {name}, {what}", found, by_chance, sampled)

    main = part("all recommenders", slice(None))
    correct([main])
    main["verdict"] = verdict.of_effect(main["ci95"], 1, main["p_holm"], main["effect"])
    told = [part(one, slice(i, i + 1)) for i, one in enumerate(recommenders)]
    why = _would_decide(main, len(encoders))
    return result(
        main["verdict"],
        why,
        power_reason=why,
        parts=[main, *(p | {"p": None, "effect": None, "reason": TOLD} for p in told)],
        places=sides[0].places,
        curves=[_curve(*sides)],
    )


class _Side:
    """One of the two studies: mean AUC (R, K) and its replicates (R, K, samples)."""

    def __init__(
        self,
        evidence: Evidence,
        protocol: str,
        recommenders: Sequence[str],
        encoders: Sequence[str],
        whose: str,
    ):
        frozen = _frozen(evidence, protocol)
        rows = [
            [frozen[recommender, encoder] for encoder in encoders] for recommender in recommenders
        ]
        self.places = [place for row in rows for place in row]
        try:
            require_runs(evidence, self.places)
        except NotJudged as early:
            raise NotJudged(
                early.result | {"reason": f"{whose}: {early.result['reason']}"}
            ) from None
        means = [[evidence.mean(place, "auc") for place in row] for row in rows]
        self.means = np.array(means, dtype=np.float64)
        if np.isnan(self.means).any():
            raise not_testable(f"{whose}: AUC is undefined")
        replicates = evidence.replicates(protocol, "auc", None)
        self.replicates = np.array([[replicates[place] for place in row] for row in rows])


def _frozen(evidence: Evidence, protocol: str) -> dict[tuple[str, str], Place]:
    return {
        (place.recommender, place.encoder): place
        for place in evidence.grid
        if (place.tuning, place.protocol) == ("frozen", protocol)
    }


def _shared(
    asked: Asked, params: Params, evidence: Evidence, protocol: str
) -> tuple[list[str], list[str]]:
    """Recommenders that both studies have, and encoders that both have frozen in all of these, of
    the same bytes; NotJudged for too few."""
    here, there = _frozen(asked.evidence, protocol), _frozen(evidence, protocol)
    known = {recommender for recommender, _ in there}
    recommenders = [r for r in dict.fromkeys(r for r, _ in here) if r in known]
    ours, theirs = asked.params.registry, params.registry
    encoders = [
        e
        for e in dict.fromkeys(e for _, e in here)
        if all((r, e) in here and (r, e) in there for r in recommenders)
        and replace(ours[e], finetune_layers=0) == replace(theirs[e], finetune_layers=0)
    ]
    if not recommenders or len(encoders) < LEAST:
        shared = len(encoders) if recommenders else 0
        raise not_testable(
            f"the study beside, {params.profile}, has {shared} frozen encoders that are here too; "
            f"{LEAST} or more are needed, for of fewer no order is unlikely enough"
        )
    return recommenders, encoders


def mean_tau(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Kendall's tau-b between the K values of each row, on average over rows: (samples,) float64.

    a, b: (R, K, samples), or (R, K, 1) for all samples. A row that is constant counts as 0.
    """
    i, j = np.triu_indices(a.shape[1], k=1)
    of_a, of_b = (np.sign(values[:, i] - values[:, j]) for values in (a, b))  # (R, pairs, samples)
    untied = np.abs(of_a).sum(axis=1) * np.abs(of_b).sum(axis=1)
    agreed = (of_a * of_b).sum(axis=1)
    tau = np.divide(agreed, np.sqrt(untied), out=np.zeros(agreed.shape), where=untied > 0)
    return tau.mean(axis=0)


def _permutations(count: int) -> np.ndarray:
    """Orders of so many encoders, (orders, count) int64; the first is that which there is."""
    if count <= EVERY:
        return np.array(list(itertools.permutations(range(count))))
    rng = np.random.default_rng(SEED)
    return np.stack([np.arange(count), *(rng.permutation(count) for _ in range(DRAWN))])


def _part(
    question: Question, what: str, found: float, by_chance: np.ndarray, sampled: np.ndarray
) -> Result:
    """by_chance: tau of permuted encoders, the first of which are not; sampled: of replicates."""
    half = BORDER * math.sqrt(float((by_chance**2).mean() + sampled.var()))
    return {
        "what": what,
        "unit": "Kendall's tau",
        "found": found,
        "ci95": [max(-1.0, found - half), min(1.0, found + half)],
        "p": float((np.abs(by_chance) >= abs(found) - 1e-9).mean()),
        "p_holm": None,
        "effect": question.effect,
        "small": False,
        "verdict": "not testable",
    }


def _would_decide(part: Result, encoders: int) -> str | None:
    """Of how many encoders so large a tau would be shown; None where it is decided."""
    if part["verdict"] != "undecided":
        return None
    if part["found"] <= 0:
        return f"of {encoders} encoders; more of them would narrow the interval"
    # The variance of tau where orders have nothing to do with each other.
    enough = next(
        k for k in itertools.count(LEAST)
        if BORDER * math.sqrt(2 * (2 * k + 5) / (9 * k * (k - 1))) < part["found"]
    )  # fmt: skip
    return (
        f"of {encoders} encoders; so large a tau would be shown by {max(enough, encoders + 1)} of "
        "them, if impressions were no matter"
    )


def _curve(here: _Side, there: _Side) -> dict[str, Any]:
    """AUC of each encoder here over that in the study beside, on average over recommenders."""
    x, y = (side.means.mean(axis=0) for side in (there, here))
    drawn = here.replicates.mean(axis=0)
    points = [
        {"line": "frozen", "x": float(x[k]), "y": float(y[k]), "ci95": interval(drawn[k])}
        for k in np.argsort(x)
    ]
    return {"name": "orders", "x": "AUC in the study beside", "y": "AUC here", "points": points}
