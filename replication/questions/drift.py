"""Q2, drift: does AUC fall the farther the news is from what was trained on, and for whom less?"""

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
from replication.questions.exposures import EXPOSURES, Exposure, days_of, exposures
from replication.questions.slopes import impressions_to_decide, slope

MIDDLE = (10, 90)  # percentiles between which an effect has to show
POINTS = 5  # of a curve, of equally many impressions
ONE_DAY = "the test split holds one day, within which the day and its hour cannot be told apart"
Units = dict[str, list[np.ndarray]]  # what is asked -> (I,) each of those it is asked of


def judge(question: Question, asked: Asked, protocol: str) -> Result:
    """Slopes of AUC over each exposure: of the mean of all experiments, which answer the question,
    and of the differences by which a fine-tuned or a larger model might lose less."""
    places = asked.places(protocol)
    if not places:
        raise not_testable(f"the grid has no experiment under {protocol}")
    require_runs(asked.evidence, places)
    test = asked.data.test
    found = exposures(asked.learned_from(protocol), asked.data.train, test)
    drift: Units = {"all experiments": [asked.auc(place) for place in places]}
    clusters = asked.evidence.clusters() or Clusters.independent(len(test))
    users = int(clusters.user.max()) + 1
    gone = {"time": ONE_DAY} if days_of(test) < 2 else {}
    parts = _parts(question, drift, found, gone, clusters, asked.seeds(places), drifting=True)
    answers = [p["verdict"] for p in parts if p["verdict"] != "not testable"]
    word = verdict.of_some(answers) if answers else "not testable"
    if verdict.ONE_SEED in answers:
        word = verdict.ONE_SEED
    small = [p["small"] for p in parts if p["verdict"] == "confirmed"]
    less = _less(asked, places)
    others = _parts(question, less, found, gone, clusters, asked.seeds(places), drifting=False)
    curves = [
        _curve(name, values, asked, places, clusters)
        for name, values in found.items()
        if name not in gone
    ]
    wanted = [_wanted(part, len(test), users) for part in parts]
    return result(
        word,
        next(iter(gone.values())) if not answers else None,
        parts=[_shown(part) for part in (*parts, *others)],
        places=places,
        small=bool(small) and all(small),
        curves=curves,
        power=_most(wanted),
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
    asked_of: Units,
    found: dict[str, np.ndarray],
    gone: dict[str, str],
    clusters: Clusters,
    seeds: int,
    drifting: bool,
) -> list[Result]:
    """A slope of each of `asked_of` over each exposure, judged after Holm's correction over the
    exposures. drifting: a loss is looked for; otherwise that less is lost, the other sign."""
    every = []
    for what, units in asked_of.items():
        parts = [
            _part(question, what, units, name, values, gone.get(name), clusters)
            for name, values in found.items()
        ]
        correct(parts)
        for part in parts:
            sign = part["sign"] if drifting else -part["sign"]
            word = "not testable"
            if part["effect"] is not None:
                word = verdict.of_effect(part["ci95"], sign, part["p_holm"], part["effect"])
                part["small"] = max(sign * end for end in part["ci95"] or [0]) < part["effect"]
            if word != "not testable" and len(units) == 1 and seeds == 1:
                part["these_runs"], word = word, verdict.ONE_SEED
            part["verdict"], part["tests"] = word, sum(p["p"] is not None for p in parts)
        every += parts
    return every


def _part(
    question: Question,
    what: str,
    units: list[np.ndarray],
    name: str,
    values: np.ndarray,
    gone: str | None,
    clusters: Clusters,
) -> Result:
    exposure: Exposure = EXPOSURES[name]
    part: Result = {
        "what": f"AUC of {what} over the {exposure.told}",
        "unit": f"AUC {'a day' if exposure.unit == 'day' else exposure.unit}",
        "found": None, "ci95": None, "p": None, "effect": None, "small": False,
        "sign": exposure.sign, "reason": gone, "uncertainty": None,
    }  # fmt: skip
    if gone:
        return part
    low, high = np.nanpercentile(values, MIDDLE)
    known = slope(units, values, clusters)
    if known is None or high <= low:
        return part | {"reason": f"most test impressions have the same {exposure.told}"}
    part["found"], part["uncertainty"] = known
    part["ci95"], part["p"] = known[1].interval(known[0]), known[1].p(known[0])
    assert question.effect is not None  # a question with a judge has one
    return part | {"effect": question.effect / float(high - low)}


def _shown(part: Result) -> Result:
    return {k: v for k, v in part.items() if k not in ("uncertainty", "sign", "tests")}


def _wanted(part: Result, impressions: int, users: int) -> Result | None:
    """What would decide a part; None where nothing is open, or no number that is looked at does."""
    if part["verdict"] != "undecided":
        return None
    level = verdict.SIGNIFICANT / part["tests"]
    decides = impressions_to_decide(part["uncertainty"], part["effect"], level, impressions, users)
    return decides and {"effect": part["effect"], "unit": part["unit"], "seeds": None} | decides


def _most(wanted: Sequence[Result | None]) -> Result | None:
    """Of the hardest part, for a no needs all of them."""
    return max((w for w in wanted if w), key=lambda w: w["impressions"], default=None)


def _curve(
    name: str, values: np.ndarray, asked: Asked, places: Sequence[Place], clusters: Clusters
) -> Result:
    """Mean AUC of each tuning's experiments by parts of an exposure, of equally many impressions or
    by day."""
    exposure = EXPOSURES[name]
    if name == "time":
        bins = np.asarray(asked.data.test.time) // SECONDS_A_DAY
    else:
        inner = np.unique(np.nanpercentile(values, np.linspace(0, 100, POINTS + 1))[1:-1])
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
