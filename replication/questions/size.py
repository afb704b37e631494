"""Q1, size: does AUC rise with the logarithm of the number of parameters, for cold users?

The models are a ladder of one family (`questions.ladder`), frozen, in every recommender. Of users
in five groups by their clicks those with the fewest give the answer; the others are told.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from replication.evaluation.clusters import Clusters, mean_variance
from replication.paper import verdict
from replication.paper.evidence import Place
from replication.paper.questions import Question
from replication.paper.results import Result, correct, not_testable, require_runs, result
from replication.paper.significance import Uncertainty
from replication.paper.sizes import size_of
from replication.questions.asked import Asked
from replication.questions.deciding import wanted
from replication.questions.trends import LEAST, apart, trend

GROUPS = (1, 2, 3, 4, 5)  # by clicks, 1: the fewest
UNIT = "AUC a tenfold"
TOLD = "told: the question is about the users with the fewest clicks"
OF_ONE = "told: the answer is that of all recommenders"


def judge(question: Question, asked: Asked, protocol: str) -> Result:
    """The slope of AUC over log10 of the parameters among the users of group 1, on average over
    recommenders; told are those of the other groups, of group 1 beside them, and of each
    recommender."""
    rows = _ladders(asked, protocol)
    places = [place for row in rows for place in row]
    require_runs(asked.evidence, places)
    x = np.log10([[size_of(asked.evidence, place) for place in row] for row in rows])
    auc = np.array([[asked.auc(place) for place in row] for row in rows])  # (R, K, I)
    clusters = asked.evidence.clusters() or Clusters.independent(auc.shape[2])
    inside = {group: asked.evidence.inside(protocol, group) for group in GROUPS}
    rungs, sizes = auc.mean(axis=0), x.mean(axis=0)

    def within(values: np.ndarray, group: int) -> np.ndarray:
        return np.where(inside[group], values, np.nan)

    main, sure = _part(question, _of("group 1", "all recommenders"), within(rungs, 1), sizes,
                       clusters)  # fmt: skip
    correct([main])
    main["verdict"] = verdict.of_effect(main["ci95"], 1, main["p_holm"], main["effect"])
    main["small"] = main["verdict"] == "confirmed" and main["ci95"][1] < main["effect"]
    if main["verdict"] == "not testable":
        main["reason"] = "no user is in group 1, or sizes do not differ"
    others: list[tuple[str, np.ndarray, np.ndarray, str]] = [
        (_of(f"group {g}", "all recommenders"), within(rungs, g), sizes, TOLD) for g in GROUPS[1:]
    ]
    first = _of("group 1, less that of all others", "all recommenders")
    others.append((first, apart(rungs, inside[1]), sizes, TOLD))
    for row, values, own in zip(rows, auc, x, strict=True):
        others.append((_of("group 1", row[0].recommender), within(values, 1), own, OF_ONE))
    told = [_told(_part(question, what, v, s, clusters)[0], why) for what, v, s, why in others]
    return result(
        main["verdict"],
        main.get("reason"),
        parts=[main, *told],
        places=places,
        small=main["small"],
        power=_wanted(main, sure, clusters),
        curves=[_curve(group, within(rungs, group), sizes, clusters) for group in GROUPS],
    )


def _ladders(asked: Asked, protocol: str) -> list[list[Place]]:
    """The frozen experiments of the ladder, a row for each recommender; NotJudged for too few."""
    ladder = asked.params.questions.ladder
    if len(ladder) < LEAST:
        raise not_testable(
            f"the ladder, `questions.ladder`, has {len(ladder)} encoders of one family; it needs "
            f"{LEAST} or more, as `-S study=size` has them"
        )
    frozen = {
        (place.recommender, place.encoder): place
        for place in asked.places(protocol)
        if place.tuning == "frozen"
    }
    names = list(dict.fromkeys(recommender for recommender, _ in frozen))
    for recommender in names:
        for encoder in ladder:
            if (recommender, encoder) not in frozen:
                raise not_testable(f"the grid has no frozen {encoder} in {recommender}, {protocol}")
    if not names:
        raise not_testable(f"the grid has no frozen experiment under {protocol}")
    return [[frozen[recommender, encoder] for encoder in ladder] for recommender in names]


def _of(group: str, recommenders: str) -> str:
    return f"AUC of users in {group}, over the size of the model, {recommenders}"


def _part(
    question: Question, what: str, rungs: np.ndarray, x: np.ndarray, clusters: Clusters
) -> tuple[Result, Uncertainty | None]:
    part: dict[str, Any] = {
        "what": what, "unit": UNIT, "found": None, "ci95": None, "p": None, "p_holm": None,
        "effect": question.effect, "small": False, "verdict": "not testable",
    }  # fmt: skip
    if (known := trend(rungs, x, clusters)) is None:
        return part, None
    found, sure = known
    return part | {"found": found, "ci95": sure.interval(found), "p": sure.p(found)}, sure


def _wanted(part: Result, sure: Uncertainty | None, clusters: Clusters) -> Result | None:
    """What impressions do to means shows in how far these lie off the line as well."""
    shared = sure.parts[0][0] if sure else 0.0
    return wanted(part, sure, len(clusters), len(clusters.user), shared)


def _told(part: Result, why: str) -> Result:
    """Without a test: nothing but the interval."""
    return part | {"p": None, "effect": None, "reason": why}


def _curve(group: int, rungs: np.ndarray, x: np.ndarray, clusters: Clusters) -> Result:
    """Gain over the smallest model, by size; intervals over impressions alone."""
    known = ~np.isnan(rungs).any(axis=0)
    return {
        "name": f"group-{group}",
        "x": "log10 of parameters",
        "y": f"gain in AUC over the smallest, users in group {group}",
        "points": [
            _point(size, gain, clusters.select(known))
            for size, gain in zip(x, (rungs - rungs[0])[:, known], strict=True)
            if known.sum() > 1
        ],
    }


def _point(size: float, gain: np.ndarray, clusters: Clusters) -> Result:
    variance, freedom = mean_variance(gain, clusters)
    sure = Uncertainty(((variance, max(freedom, 1.0)),), 0.0)
    mean = float(gain.mean())
    ends: Sequence[float] | None = sure.interval(mean)
    return {"line": "frozen", "x": float(size), "y": mean, "ci95": ends, "impressions": len(gain)}
