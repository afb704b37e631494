"""Claims about cold start: what the large language model gains in each group of users."""

from collections.abc import Sequence

import numpy as np

from replication.evaluation.intervals import interval
from replication.evaluation.statistics import ROUNDING, holm, slope
from replication.paper import verdict
from replication.paper.cells import number
from replication.paper.claims import ColdGain
from replication.paper.depths import MIDDLE
from replication.paper.evidence import Evidence, Place
from replication.paper.models import TUNINGS
from replication.paper.results import Result, known_models, located, result, whole
from replication.paper.sizes import require_larger


def judge_cold_gain(claim: ColdGain, evidence: Evidence, protocol: str) -> Result:
    over = known_models(evidence, claim.over, 1)
    ladder = (*known_models(evidence, [claim.model], 1), *over)
    wanted = [(r, m, t) for r in claim.recommenders for t in TUNINGS for m in ladder]
    places = located(evidence, protocol, wanted)
    # The large model, then the small ones, of each recommender and tuning.
    families = [places[i : i + len(ladder)] for i in range(0, len(places), len(ladder))]
    for large, *small in families:
        require_larger(evidence, large, small, claim.model)
    return (_shape if claim.trend else _size)(claim, evidence, families, places)


def _shape(
    claim: ColdGain, evidence: Evidence, families: list[list[Place]], places: list[Place]
) -> Result:
    """The gain's trend over the groups, that it is one in group 1, and that it is largest there.

    found is the slope in points per group of the gain over the mean of the small ones; p and
    p_group_1 are Holm-corrected over all tests of the claim. exceeded_in lists the groups whose
    gain is larger than that of group 1, where the interval of the difference says so: then nothing
    is confirmed.
    """
    parts: list[Result] = []
    first_intervals = []
    for large, *small in families:
        gains = [_gain(evidence, large, small, g, claim.metric) for g in _groups(claim)]
        found = np.array([np.nan if gain is None else gain for gain, _ in gains])
        trend = _known(slope(found))
        empty = np.where(np.isnan(found)[:, None], np.nan, np.eye(len(found)))
        weights = slope(empty)  # of each group in the slope
        only_first = np.eye(len(found))[0]
        parts.append(
            {
                "recommender": large.recommender,
                "tuning": large.tuning,
                "groups": [
                    {"group": g, "found": gain, "ci95": interval(replicates)}
                    for g, (gain, replicates) in zip(_groups(claim), gains, strict=True)
                ],
                "found": trend,
                "ci95": interval(slope(np.stack([replicates for _, replicates in gains]))),
                "p": _test(evidence, large, small, weights, claim.metric, trend),
                "p_group_1": _test(evidence, large, small, only_first, claim.metric, gains[0][0]),
                "exceeded_in": [
                    g
                    for g, (_, replicates) in zip(_groups(claim), gains, strict=True)
                    if (interval(replicates - gains[0][1]) or [0])[0] > 0
                ],
                "largest_in_group": None if trend is None else 1 + int(np.nanargmax(found)),
            }
        )
        first_intervals.append(interval(gains[0][1]))
    adjusted = holm([part[key] for key in ("p", "p_group_1") for part in parts])
    expected = 1 if claim.trend == "positive" else -1
    for i, part in enumerate(parts):
        part["p_holm"], part["p_group_1_holm"] = adjusted[i], adjusted[i + len(parts)]
        words = [
            verdict.of_sign(part["ci95"], expected, part["p_holm"]),
            verdict.of_sign(first_intervals[i], 1, part["p_group_1_holm"]),
        ]
        if part["exceeded_in"]:
            words.append("undecided")
        part["verdict"] = verdict.of_all(words)
        if part["verdict"] == "not testable":
            part["reason"] = "group 1 is empty, or all but one are"
    word = verdict.of_every_sign(
        [part["verdict"] for part in parts],
        [part[key] for part in parts for key in ("p", "p_group_1")],
        [
            right and not part["exceeded_in"]
            for part in parts
            for right in (
                expected * (part["found"] or 0) > 0,
                (part["groups"][0]["found"] or 0) > 0,
            )
        ],
    )
    clicks = _mean_clicks(evidence, places[0])
    return whole(word, places, parts, sign=word, mean_clicks=clicks)


def _size(
    claim: ColdGain, evidence: Evidence, families: list[list[Place]], places: list[Place]
) -> Result:
    """The largest gain over any small model in group 1: of each family, and of all.

    The largest of many gains is too large even where all are alike (the winner's curse). ci95 is of
    the true maximum: from the simultaneous band of all gains of the family, or of all; found is
    what was observed, less what taking the maximum adds in the replicates.
    """
    assert claim.value is not None and claim.tolerance is not None  # what is said has no trend
    parts: list[Result] = []
    every: list[tuple[float, np.ndarray]] = []
    for large, *small in families:
        gains = [_gain(evidence, large, [one], 1, claim.metric) for one in small]
        known = [(gain, replicates) for gain, replicates in gains if gain is not None]
        every += known
        found, ends = largest(known) if known else (None, None)
        parts.append(
            {
                "recommender": large.recommender,
                "tuning": large.tuning,
                "found": found,
                "ci95": ends,
                "verdict": verdict.of_size(ends, claim.value, claim.tolerance),
            }
        )
        if found is None:
            parts[-1]["reason"] = "group 1 is empty"
    if any(part["found"] is None for part in parts):
        return whole("not testable", places, parts)
    found, ends = largest(every)
    size = verdict.of_size(ends, claim.value, claim.tolerance)
    words = {"equivalent": "confirmed", "different": "contradicted"}
    return result(
        words.get(size, size),
        # The band is simultaneous: no further test.
        sign=verdict.of_sign(ends, 1 if claim.value > 0 else -1, 0.0),
        size=size,
        found=found,
        ci95=ends,
        parts=parts,
        places=places,
    )


def largest(
    gains: Sequence[tuple[float, np.ndarray]], level: float = 0.95
) -> tuple[float, list[float]]:
    """The largest of several gains, and the interval of the true largest.

    gains: (found, replicates (samples,)) of each. The band that holds all true gains at once, with
    the probability `level`, is that of their largest studentised error; the true maximum lies
    between the highest of its lower ends and the highest of its upper ends. What is told of the
    maximum is lowered by what the median of the replicates' maximum has more than it.
    """
    found = np.array([gain for gain, _ in gains])
    table = np.stack([replicates for _, replicates in gains])
    table = table[:, ~np.isnan(table).any(axis=0)]
    errors = table - found[:, None]
    width = np.ptp(np.quantile(errors, MIDDLE, axis=1), axis=0) / 2
    moving = width > ROUNDING
    reach = 0.0
    if moving.any():
        studentised = np.abs(errors[moving]) / width[moving, None]
        reach = float(np.quantile(studentised.max(axis=0), level))
    ends = [float((found - reach * width).max()), float((found + reach * width).max())]
    added = float(np.median(table.max(axis=0))) - float(found.max())
    return float(found.max()) - max(0.0, added), ends


def _groups(claim: ColdGain) -> range:
    return range(1, claim.groups + 1)


def _known(value: np.ndarray | float) -> float | None:
    return None if np.isnan(value) else float(value)


def _gain(
    evidence: Evidence, large: Place, small: Sequence[Place], group: int, metric: str
) -> tuple[float | None, np.ndarray]:
    """Gain of `large` over the mean of `small` in a group, in percent, with its replicates."""
    replicates = evidence.replicates(large.protocol, metric, group)
    drawn = _percent(replicates[large], np.mean([replicates[place] for place in small], axis=0))
    found = _percent(*_levels(evidence, large, small, group, metric))
    return _known(found), drawn


def _percent(a: np.ndarray | float, base: np.ndarray | float) -> np.ndarray:
    """What `a` gains over `base`, in percent; NaN where that is 0."""
    base = np.where(np.equal(base, 0), np.nan, base)
    return 100 * (a - base) / base


def _levels(
    evidence: Evidence, large: Place, small: Sequence[Place], group: int, metric: str
) -> tuple[float, float]:
    """Mean metric of `large` and of `small` in a group; NaN where undefined."""
    means = [evidence.mean(place, metric, group) for place in (large, *small)]
    reached, *of = (np.nan if mean is None else mean for mean in means)
    return reached, float(np.mean(of))


def _test(
    evidence: Evidence,
    large: Place,
    small: Sequence[Place],
    weights: np.ndarray,
    metric: str,
    found: float | None,
) -> float | None:
    """p of the sum over groups of weight times gain: the test of its linear form (delta method).

    The gain 100 (L - M) / M of a group changes by 100 / M with L, and by -100 L / M^2 with M.
    """
    known = ~np.isnan(evidence.values(large, metric)[0])
    of_large, of_small = np.zeros((2, len(known)))
    for group, weight in enumerate(weights, start=1):
        inside = evidence.inside(large.protocol, group)
        reached, of = _levels(evidence, large, small, group, metric)
        if not weight or not of or np.isnan(reached):
            continue
        share = known.sum() / (known & inside).sum()  # the terms' mean is over all impressions
        of_large[inside] = 100 * weight * share / of
        of_small[inside] = -100 * weight * share * reached / of**2 / len(small)
    sides = [(large, of_large), *((place, of_small) for place in small)]
    return evidence.p_value(found, metric, sides)


def _mean_clicks(evidence: Evidence, place: Place) -> float | None:
    """Clicks per user of group 1, to hold against those of the paper's."""
    cell = evidence.ran(place)[0]
    path = cell.folder / "cold_start.json"
    groups = (cell.cold_start or {}).get("groups")
    return number(groups[0], "clicks_mean", path) if groups else None
