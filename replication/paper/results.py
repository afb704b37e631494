"""What every judge gives back, when there is nothing to judge yet, and differences of runs."""

from collections.abc import Iterable, Sequence
from typing import Any

from replication.evaluation.statistics import holm
from replication.paper import verdict
from replication.paper.evidence import Evidence, Place

Result = dict[str, Any]


class NotJudged(Exception):
    """There is nothing to judge: `result` says why."""

    def __init__(self, result: Result):
        super().__init__(result["reason"])
        self.result = result


def result(word: str, reason: str | None = None, **more: Any) -> Result:
    """places: those that it rests on."""
    empty = {
        "sign": None, "size": None, "found": None, "ci95": None, "parts": [], "places": [],
        "coverage": [0, 0], "missing": [],
    }  # fmt: skip
    return {"verdict": word, "reason": reason} | empty | more


def not_testable(reason: str) -> NotJudged:
    return NotJudged(result("not testable", reason))


def known_models(evidence: Evidence, models: Sequence[str], least: int) -> list[str]:
    """Those of a claim's models that the parameters map to an encoder; NotJudged for too few."""
    known = [model for model in models if model in evidence.paper_names]
    if len(known) < least:
        listed = ", ".join(known) or "none"
        raise not_testable(f"of its models `paper` maps {listed}; it needs {least} or more")
    return known


def located(
    evidence: Evidence, protocol: str, wanted: Iterable[tuple[str, str, str]]
) -> list[Place]:
    """The experiment of each (recommender, the paper's model, tuning), all of them run.

    NotJudged where the study has no such experiment, or where runs of it are missing.
    """
    places = []
    for recommender, model, tuning in wanted:
        place = evidence.find(recommender, model, tuning, protocol)
        if place is None:
            raise not_testable(f"the study has no {tuning} {model} in {recommender}, {protocol}")
        places.append(place)
    require_runs(evidence, places)
    return places


def require_runs(evidence: Evidence, places: Sequence[Place]) -> None:
    ran, of = evidence.coverage(places)
    if word := verdict.coverage(ran, of):
        reason = f"{of - ran} of the {of} runs that it needs are missing"
        missing = evidence.missing(places)
        raise NotJudged(result(word, reason, coverage=[ran, of], missing=missing))


def whole(word: str, places: Sequence[Place], parts: list[Result], **more: Any) -> Result:
    """A claim with several parts, and its verdict; a part that is not testable gives the reason."""
    reasons = [part["reason"] for part in parts if part.get("reason")]
    reason = reasons[0] if reasons and word == "not testable" else None
    return result(word, reason, parts=parts, places=places, **more)


def minus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def differences(
    evidence: Evidence, pairs: Sequence[tuple[Place, Place]], metric: str
) -> list[Result]:
    """First minus second of each pair, both under one protocol: the difference of the means, its
    interval, and p (both of one test over impressions and seeds); see `correct`."""
    parts: list[Result] = []
    for a, b in pairs:
        found = minus(evidence.mean(a, metric), evidence.mean(b, metric))
        p, ends = evidence.tested(found, metric, [(a, 1.0), (b, -1.0)])
        parts.append(
            {
                "recommender": a.recommender,
                "a": f"{a.encoder} {a.tuning}",
                "b": f"{b.encoder} {b.tuning}",
                "found": found,
                "ci95": ends,
                "p": p,
            }
        )
    correct(parts)
    return parts


def correct(parts: Sequence[Result]) -> None:
    """p_holm: p after Holm's correction over all parts."""
    for part, adjusted in zip(parts, holm([part["p"] for part in parts]), strict=True):
        part["p_holm"] = adjusted
