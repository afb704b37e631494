"""How many seeds and impressions would decide a claim, or why that cannot be told."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from replication.evaluation.statistics import slope
from replication.paper import verdict
from replication.paper.claims import Claim, ColdGain, Cost, Depth, Gain, NotMonotone, SignOf
from replication.paper.evidence import Evidence, Place
from replication.paper.models import TUNINGS

WANTED = 0.8  # power that counts as deciding
EFFECT = 0.01  # difference of the metric, where a claim gives a sign alone
SEED_SD = 0.0024  # NewsReX: AUC of NAML on MIND-small, three seeds; where ours is not measured
MOST_SEEDS = 100
MOST_TIMES = 1000  # as many impressions
NO_SIZE = (
    "what decides is how narrow the band over all gains at once is beside the tolerance: it has no "
    "effect that a test could find"
)
NO_TEST = "costs are compared as they were measured, without a test"


@dataclass(frozen=True)
class Tested:
    """A two-sided test of a sum over places of weight times metric, with `effect` in its unit.

    weights  of each place: a number, or one per impression (I,)
    shifts   by how much a place's seed moves the sum: the mean of its weights
    """

    places: Sequence[Place]
    weights: Sequence[float | np.ndarray]
    effect: float
    level: float

    @property
    def shifts(self) -> list[float]:
        return [float(np.mean(weight)) for weight in self.weights]


def power_of(claim: Claim, evidence: Evidence, places: list[Place]) -> dict[str, Any] | None:
    """With an effect as the paper's, or of EFFECT, by the hardest test of the claim (`_tests`).

    effect          in units of the metric
    now             power with the runs at hand
    seeds           fewest seeds a place that give a power of WANTED on these impressions; None:
                    more than MOST_SEEDS, or none would
    impressions     fewest impressions that give it with these seeds, likewise
    seed_sd         spread of a run by its seed; measured: whether on this study's own runs
    None where there is nothing to go by; of claims without a test `untold` says why.
    """
    if untold(claim):
        return None
    metric: str = getattr(claim, "metric")  # noqa: B009  every kind that is tested has one
    least = min(len(evidence.ran(place)) for place in places)
    protocol = places[0].protocol
    spread = evidence.spread(protocol, metric)
    sd = spread["sd"] if spread else SEED_SD
    known: list[tuple[Tested, float, float]] = []
    for test in _tests(claim, evidence, places, metric):
        found = evidence.uncertainty(metric, list(zip(test.places, test.weights, strict=True)))
        if test.effect and found is not None and np.isfinite(found.parts[0][0]):
            known.append((test, *found.parts[0]))
    if not known:
        return None

    def clear(entry: tuple[Tested, float, float]) -> float:
        test, variance, _ = entry
        return test.effect**2 / (variance + _seeds(test, sd, max(2, least)) or math.inf)

    test, variance, freedom = min(known, key=clear)
    impressions = len(evidence.inside(protocol, None))

    def power(seeds: int, times: float = 1.0) -> float:
        return _power(test, variance / times, freedom * times, sd, seeds)

    counts = range(2, MOST_SEEDS + 1)
    factors = np.geomspace(1, MOST_TIMES, 200)
    seeds = next((s for s in counts if power(s) >= WANTED), None)
    times = next((t for t in factors if power(max(2, least), t) >= WANTED), None)
    return {
        "effect": _told_effect(claim, test),
        "now": power(least) if least > 1 else None,
        "seeds": seeds,
        "impressions": None if times is None else math.ceil(impressions * times),
        "seed_sd": sd,
        "measured": spread is not None,
    }


def untold(claim: Claim) -> str | None:
    """Why it cannot be told how many seeds or impressions would decide; None where it can."""
    if isinstance(claim, Cost):
        return NO_TEST
    return NO_SIZE if isinstance(claim, ColdGain) and claim.trend is None else None


def _tests(claim: Claim, evidence: Evidence, places: list[Place], metric: str) -> Iterator[Tested]:
    """The tests of a claim. Several are corrected in the hardest way, the first of Holm's steps.

    A gain or a sign: of each pair of places. An order: of any two models of a ladder, one of which
    would do. A depth: of the claimed one against each outside the tolerance, one-sided;
    Bonferroni's correction stands for Hsu's bands, which are a little narrower. A trend: an effect
    in group 1 that falls evenly to none in the last, by its slope and by itself.
    """
    pairs: list[tuple[Place, Place]] = []
    effect, tests = EFFECT, 0.0
    if isinstance(claim, Gain | SignOf):
        pairs = list(zip(places[::2], places[1::2], strict=True))
        if isinstance(claim, Gain):
            effect = abs(claim.value) / 100 * (evidence.mean(pairs[0][1], metric) or 0.0)
    elif isinstance(claim, NotMonotone):
        size = len(places) // (len(claim.recommenders) * len(claim.tunings))
        ladders = [places[i : i + size] for i in range(0, len(places), size)]
        pairs = [pair for ladder in ladders for pair in itertools.combinations(ladder, 2)]
    elif isinstance(claim, Depth):
        far = [p for p in places if abs((p.layers or 0) - claim.value) > claim.tolerance]
        pairs = [(p, other) for p in places if p.layers == claim.value for other in far]
        tests = (len(places) - 1) / 2  # one-sided
    for a, b in pairs:
        yield Tested((a, b), (1.0, -1.0), effect, verdict.SIGNIFICANT / (tests or len(pairs)))
    if isinstance(claim, ColdGain):
        yield from _trends(claim, evidence, places, metric)


def _trends(
    claim: ColdGain, evidence: Evidence, places: list[Place], metric: str
) -> Iterator[Tested]:
    families = len(claim.recommenders) * len(TUNINGS)
    size = len(places) // families
    level = verdict.SIGNIFICANT / (2 * families)
    groups = range(1, claim.groups + 1)
    steps = slope(np.eye(claim.groups))  # of each group in the slope
    for i in range(0, len(places), size):
        large, *small = places[i : i + size]
        known = ~np.isnan(evidence.values(large, metric)[0])
        inside = [known & evidence.inside(large.protocol, group) for group in groups]
        if not all(part.any() for part in inside):
            continue
        # The mean over all impressions of these is that of the group.
        each = np.stack([part * (known.sum() / part.sum()) for part in inside])
        for weights, effect in (
            (steps @ each, EFFECT / (claim.groups - 1)),
            (each[0], EFFECT),
        ):
            sides = [weights, *[-weights / len(small)] * len(small)]
            yield Tested((large, *small), sides, effect, level)


def _told_effect(claim: Claim, test: Tested) -> float:
    """In units of the metric: of a slope, what it comes to in group 1."""
    return EFFECT if isinstance(claim, ColdGain) else test.effect


def _seeds(test: Tested, sd: float, seeds: int) -> float:
    return sum((shift * sd) ** 2 / seeds for shift in test.shifts)


def _power(test: Tested, variance: float, freedom: float, sd: float, seeds: int) -> float:
    """With `seeds` runs (2 or more) of each place."""
    of_seeds = (((shift * sd) ** 2 / seeds, seeds - 1) for shift in test.shifts)
    return power_with(test.effect, test.level, [(variance, freedom), *of_seeds])


def power_with(effect: float, level: float, parts: Sequence[tuple[float, float]]) -> float:
    """Power of a two-sided test at `level` of an effect, whose estimate has a variance in parts,
    (variance, degrees of freedom)."""
    total = sum(part for part, _ in parts)
    if total == 0:
        return 1.0
    welch = total**2 / sum(part**2 / df for part, df in parts)
    border = stats.t.isf(level / 2, welch)
    return float(stats.nct.sf(border, welch, effect / math.sqrt(total)))
