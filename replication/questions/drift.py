"""Q2, drift: does AUC fall with the time since training, and for which models less?

Two more exposures are told, the share of unseen candidates and their age. They decide nothing.
"""

import itertools
from collections.abc import Sequence

import numpy as np
from scipy import special

from replication.evaluation.clusters import Clusters, mean_variance
from replication.mind.columns.prepared import SECONDS_A_DAY
from replication.paper import verdict
from replication.paper.evidence import Place
from replication.paper.questions import Question
from replication.paper.results import Result, correct, not_testable, require_runs, result
from replication.questions.asked import Asked
from replication.questions.deciding import wanted
from replication.questions.exposures import (
    EXPOSURES,
    MIXED_WITH_DIFFICULTY,
    days_of,
    exposures,
)
from replication.questions.slopes import slope, units_to_decide

MIDDLE = (10, 90)  # percentiles between which an effect has to show
POINTS = 5  # of a curve, of equally many impressions
ONE_DAY = "the test split holds one day, within which the day and its hour cannot be told apart"
MIXED = "told, and no test of drift: pages that show more of them may be harder to rank"
Units = dict[str, list[np.ndarray]]  # what is asked -> (I,) each of those it is asked of


def judge(question: Question, asked: Asked, protocol: str) -> Result:
    """Slopes of AUC over each exposure: of the mean of all experiments, and of the differences by
    which a fine-tuned or a larger model might lose less. The first over time is the answer."""
    places = asked.places(protocol)
    if not places:
        raise not_testable(f"the grid has no experiment under {protocol}")
    require_runs(asked.evidence, places)
    test = asked.data.test
    found = exposures(asked.learned_from(protocol), asked.data.train, test)
    drift: Units = {"all experiments": [asked.auc(place) for place in places]}
    clusters = asked.evidence.clusters() or Clusters.independent(len(test))
    gone = dict.fromkeys(MIXED_WITH_DIFFICULTY, MIXED)
    if days_of(test) < 2:
        gone["time"] = ONE_DAY
        found["time"] = np.full(len(test), np.nan)
    single = asked.seeds(places) == 1

    def parts(units: Units, sign: int) -> list[Result]:
        return _parts(question, units, found, gone, clusters, sign, single)

    main, others = parts(drift, -1), parts(_less(asked, places), 1)
    [answer] = [part for part in main if part["name"] == "time"]
    users = len(clusters.user)
    power = wanted(answer, answer["uncertainty"], len(test), users)
    why = None if power else _why_none(answer, len(places), len(test), users)
    return result(
        answer["verdict"],
        answer["reason"] or why,
        parts=[_shown(part) for part in (*main, *others)],
        places=places,
        small=answer["small"],
        curves=[_curve(name, x, asked, places, clusters) for name, x in found.items()],
        power=power,
        power_reason=why,
    )


def _why_none(answer: Result, experiments: int, impressions: int, users: int) -> str | None:
    """Why no number of users decides it, and how many would with more experiments."""
    sure = answer["uncertainty"]
    if answer["verdict"] != "undecided" or sure is None:
        return None
    said = f"of {experiments} experiments, whose slopes differ too much for any number of users"
    more = units_to_decide(sure, answer["effect"], verdict.SIGNIFICANT, impressions, users)
    if more is None:
        return said
    return (
        f"{said}; {more['units']} that differ like these would decide it with "
        f"{more['impressions']:,} impressions ({more['users']:,} users)"
    )


def _less(asked: Asked, places: Sequence[Place]) -> Units:
    """Differences of AUC by which one kind of model may lose less than another: fine-tuned minus
    frozen of the same encoder, and the largest minus the smallest of a recommender and tuning."""
    known = set(places)
    tuned = [p for p in places if p.tuning == "finetuned"]
    frozen = {(p.recommender, p.encoder): p for p in known if p.tuning == "frozen"}
    pairs = [(p, twin) for p in tuned if (twin := frozen.get((p.recommender, p.encoder)))]
    sizes = []
    for key, alike in itertools.groupby(sorted(places, key=_family), _family):
        counts = asked.evidence.sizes(key[0])
        ladder = sorted((p for p in alike if p.encoder in counts), key=lambda p: counts[p.encoder])
        if len(ladder) > 1 and counts[ladder[0].encoder] < counts[ladder[-1].encoder]:
            sizes.append((ladder[-1], ladder[0]))
    named = {"fine-tuned minus frozen": pairs, "largest minus smallest encoder": sizes}
    return {what: [asked.auc(a) - asked.auc(b) for a, b in of] for what, of in named.items() if of}


def _family(place: Place) -> tuple[str, str]:
    return place.recommender, place.tuning


def _parts(
    question: Question,
    units: Units,
    found: dict[str, np.ndarray],
    gone: dict[str, str],
    clusters: Clusters,
    sign: int,
    single: bool,
) -> list[Result]:
    """A slope of each of `units` over each exposure. Those that are not in `gone` are judged, by
    their `sign`, after Holm's correction over them. single: whether each place has one run."""
    every = [
        _part(question, what, several, name, x, gone.get(name), clusters)
        for what, several in units.items()
        for name, x in found.items()
    ]
    judged = [part for part in every if part["effect"] is not None]
    correct(judged)
    for part in judged:
        word = verdict.of_effect(part["ci95"], sign, part["p_holm"], part["effect"])
        if word == "confirmed":
            part["small"] = max(sign * end for end in part["ci95"]) < part["effect"]
        if word != "not testable" and single and len(part["uncertainty"].parts) == 1:
            part["these_runs"], word = word, verdict.ONE_SEED
        part["verdict"] = word
    return every


def _part(
    question: Question,
    what: str,
    units: list[np.ndarray],
    name: str,
    x: np.ndarray,
    gone: str | None,
    clusters: Clusters,
) -> Result:
    exposure = EXPOSURES[name]
    part: Result = {
        "name": name,
        "what": f"AUC of {what} over the {exposure.told}",
        "unit": f"AUC {'a day' if exposure.unit == 'day' else exposure.unit}",
        "found": None, "ci95": None, "p": None, "p_holm": None, "effect": None, "small": False,
        "verdict": "not testable", "reason": gone, "uncertainty": None,
    }  # fmt: skip
    known = slope(units, x, clusters)
    if known is None:
        return part | {"reason": gone or f"all test impressions have the same {exposure.told}"}
    part["found"], part["ci95"] = known[0], known[1].interval(known[0])
    if gone:
        return part
    low, high = np.nanpercentile(x, MIDDLE)
    if high <= low:
        return part | {"reason": f"most test impressions have the same {exposure.told}"}
    assert question.effect is not None  # a question with a judge has one
    return part | {
        "p": known[1].p(known[0]),
        "effect": question.effect / float(high - low),
        "uncertainty": known[1],
    }


def _shown(part: Result) -> Result:
    return {key: value for key, value in part.items() if key not in ("uncertainty", "name")}


def _curve(
    name: str, values: np.ndarray, asked: Asked, places: Sequence[Place], clusters: Clusters
) -> Result:
    """Mean AUC of each tuning's experiments by parts of an exposure, of equally many impressions or
    by day; no point where the exposure is not known."""
    exposure = EXPOSURES[name]
    if name == "time":
        bins = np.asarray(asked.data.test.time) // SECONDS_A_DAY
    else:
        inner = np.unique(np.nanpercentile(values, np.linspace(0, 100, POINTS + 1)[1:-1]))
        bins = np.searchsorted(inner, values, side="right")
    points = []
    for tuning in dict.fromkeys(place.tuning for place in places):
        mean = np.mean([asked.auc(p) for p in places if p.tuning == tuning], axis=0)
        for one in np.unique(bins):
            inside = (bins == one) & ~np.isnan(mean) & ~np.isnan(values)
            if inside.sum() > 1:
                points.append(
                    {
                        "line": tuning,
                        "x": float(values[inside].mean()),
                        "y": float(mean[inside].mean()),
                        "ci95": _ends(mean[inside], clusters.select(inside)),
                        "impressions": int(inside.sum()),
                    }
                )
    axis = f"{exposure.told}{', days' if exposure.unit == 'day' else ''}"
    return {"name": name, "x": axis, "y": "AUC", "points": points}


def _ends(values: np.ndarray, clusters: Clusters) -> list[float] | None:
    """95 % interval of a mean, over impressions alone."""
    variance, freedom = mean_variance(values, clusters)
    if not np.isfinite(variance) or freedom <= 0:
        return None
    half = -float(special.stdtrit(freedom, 0.025)) * variance**0.5
    return [float(values.mean()) - half, float(values.mean()) + half]
