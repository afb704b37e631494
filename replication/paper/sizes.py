"""The claim that quality does not follow the size of language models."""

import itertools
from collections.abc import Sequence

import numpy as np

from replication.evaluation.intervals import interval
from replication.evaluation.statistics import correlation_replicates, holm, rank_correlation
from replication.paper import verdict
from replication.paper.claims import NotMonotone
from replication.paper.evidence import Evidence, Place
from replication.paper.results import (
    Result,
    differences,
    known_models,
    located,
    not_testable,
    whole,
)

LEAST = 3  # models that an order needs


def judge_order(claim: NotMonotone, evidence: Evidence, protocol: str) -> Result:
    """Confirmed as soon as one smaller model is shown to beat a larger one: p is Holm-corrected
    over all pairs of all ladders. Contradicted only if in every ladder each step up is shown to be
    one: all must be, so that each is tested by itself (R. Berger, 1982)."""
    models = known_models(evidence, claim.models, LEAST)
    wanted = [(r, m, t) for r in claim.recommenders for t in claim.tunings for m in models]
    places = located(evidence, protocol, wanted)
    replicates = evidence.replicates(protocol, claim.metric, None)
    parts: list[Result] = []
    compared: list[list[Result]] = []
    rungs = ladders(evidence, places, len(models))
    places = [place for ladder in rungs for place in ladder]
    for ladder in rungs:
        measured = [evidence.mean(place, claim.metric) for place in ladder]
        part: Result = {"recommender": ladder[0].recommender, "tuning": ladder[0].tuning}
        parts.append(part)
        means = [mean for mean in measured if mean is not None]
        if len(means) < len(measured):
            part |= {"verdict": "not testable", "reason": f"{claim.metric} is undefined"}
            compared.append([])
            continue
        # Smaller minus larger, of every pair; the neighbours are the steps.
        compared.append(
            differences(evidence, list(itertools.combinations(ladder, 2)), claim.metric)
        )
        sizes = np.arange(len(ladder))
        table = np.stack([replicates[place] for place in ladder])
        part |= {
            "order": [ladder[i].encoder for i in np.argsort(means)[::-1]],  # best first
            "found": rank_correlation(sizes, means),
            "ci95": interval(correlation_replicates(sizes, table)),
        }
    adjusted = iter(holm([pair["p"] for pairs in compared for pair in pairs]))
    neighbours = [j == i + 1 for i, j in itertools.combinations(range(len(models)), 2)]
    for part, pairs in zip(parts, compared, strict=True):
        if not pairs:
            continue
        sure = [verdict.significant(next(adjusted)) for _ in pairs]
        wrong = [pair["found"] > 0 for pair in pairs]
        resolved = [s and w for s, w in zip(sure, wrong, strict=True)]
        rises = [
            pair["found"] < 0 and verdict.significant(pair["p"])
            for pair, step in zip(pairs, neighbours, strict=True)
            if step
        ]
        part |= {
            "inversions": sum(wrong),
            "resolved_inversions": sum(resolved),
            "verdict": verdict.of_order(resolved, rises),
        }
    return whole(verdict.of_some([part["verdict"] for part in parts]), places, parts)


def ladders(evidence: Evidence, places: list[Place], models: int) -> list[list[Place]]:
    """The places of each recommender and tuning, smallest first by parameters counted: what stands
    for one of the paper's models may be of another size than that. NotJudged where one is unknown.
    """
    return [
        sorted(some, key=lambda place: size_of(evidence, place))
        for some in (places[i : i + models] for i in range(0, len(places), models))
    ]


def size_of(evidence: Evidence, place: Place) -> float:
    """Parameters of an experiment's model, with those of its recommender; NotJudged if unknown."""
    sizes = evidence.sizes(place.recommender)
    if place.encoder not in sizes:
        raise not_testable(f"no run has counted the parameters of {place.encoder}")
    return sizes[place.encoder]


def require_larger(evidence: Evidence, large: Place, small: Sequence[Place], model: str) -> None:
    """NotJudged where what stands for the larger model is not larger than one of the others."""
    size = size_of(evidence, large)
    for place in small:
        if (other := size_of(evidence, place)) >= size:
            raise not_testable(
                f"{large.encoder}, which stands for {model}, cannot stand for a larger model: it "
                f"has {size:,.0f} parameters with {large.recommender}'s own, and {place.encoder} "
                f"has {other:,.0f}"
            )
