"""What a verdict hangs on: that impressions were independent (S1), and that one seed were many."""

import itertools
from typing import Any

import numpy as np

from replication.evaluation.clusters import design_effect
from replication.paper import verdict
from replication.paper.claims import Claim
from replication.paper.evidence import Evidence, Place
from replication.paper.results import Result

WORDS = ("verdict", "sign", "size")


def beside_naive(claim: Claim, evidence: Evidence, found: Result, naive: Result) -> Result:
    """`found` with what the same runs would say if impressions were independent.

    naive                  verdict, sign, size and ci95 under that assumption
    hangs_on_independence  whether verdict, sign or size is another under it: row S1
    design_effect          of the differences of the claim's metric between its places, by user and
                           by clicked article: the median over pairs of neighbours
    parts                  each with ci95_naive and verdict_naive
    """
    for part, other in zip(found["parts"], naive["parts"], strict=True):
        part["ci95_naive"], part["verdict_naive"] = other.get("ci95"), other["verdict"]
    hangs = any(found[word] != naive[word] for word in WORDS)
    return found | {
        "naive": {key: naive[key] for key in (*WORDS, "ci95")},
        "hangs_on_independence": hangs,
        "design_effect": _design_effect(claim, evidence, found["places"]),
    }


def with_seeds(claim: Claim, evidence: Evidence, found: Result) -> Result:
    """`found` with how many seeds it rests on; with one seed, whose spread this study has not
    measured, nothing is decided.

    seeds       least: runs of the place with the fewest; spread: see `Evidence.spread`, where it
                stands for the spread of places with one run
    these_runs  the verdict on these very runs, other seeds left out; None where it is the verdict
    """
    places: list[Place] = found["places"]
    least = min(len(evidence.ran(place)) for place in places)
    protocol, metric = places[0].protocol, _metric(claim)
    spread = evidence.spread(protocol, metric) if least == 1 else None
    found = found | {"seeds": {"least": least, "spread": spread}, "these_runs": None}
    if least > 1 or spread is not None:
        return found
    undecided: dict[str, Any] = {"these_runs": found["verdict"]}
    undecided |= {word: verdict.ONE_SEED for word in WORDS if found[word] is not None}
    parts = [
        part | {"verdict": verdict.ONE_SEED, "these_runs": part["verdict"]}
        if part["verdict"] != "not testable"
        else part
        for part in found["parts"]
    ]
    reason = (
        "each place was run with one seed, and no place of this study with several: what another "
        "seed would change is not known"
    )
    return found | undecided | {"parts": parts, "reason": reason}


def _metric(claim: Claim) -> str:
    return getattr(claim, "metric")  # noqa: B009  every kind of claim that is judged has one


def _design_effect(claim: Claim, evidence: Evidence, places: list[Place]) -> dict | None:
    clusters = evidence.clusters()
    if clusters is None:
        return None
    distinct = list(dict.fromkeys(places))
    found = []
    for a, b in itertools.pairwise(distinct):
        gaps = evidence.values(a, _metric(claim)).mean(axis=0)
        gaps = gaps - evidence.values(b, _metric(claim)).mean(axis=0)
        effects = [design_effect(gaps, by) for by in (clusters.user, clusters.article)]
        if None not in effects:
            found.append(effects)
    if not found:
        return None
    user, article = np.median(np.array(found), axis=0)
    return {"user": float(user), "article": float(article)}
