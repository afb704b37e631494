"""How many seeds and impressions would decide a claim."""

import math
from typing import Any

import numpy as np
from scipy import stats

from replication.paper import verdict
from replication.paper.claims import Claim, Gain, SignOf
from replication.paper.evidence import Evidence, Place

WANTED = 0.8  # power that counts as deciding
EFFECT = 0.01  # difference of the metric, where a claim gives a sign alone
SEED_SD = 0.0024  # NewsReX: AUC of NAML on MIND-small, three seeds; where ours is not measured
MOST_SEEDS = 100
MOST_TIMES = 1000  # as many impressions


def power_of(claim: Claim, evidence: Evidence, places: list[Place]) -> dict[str, Any] | None:
    """For claims on differences of pairs of places, with an effect as the paper's, or of EFFECT.

    effect          in units of the metric
    now             power with the runs at hand, by the hardest of the pairs
    seeds           fewest seeds a place that give a power of WANTED on these impressions; None:
                    more than MOST_SEEDS, or none would
    impressions     fewest impressions that give it with these seeds, likewise
    seed_sd         spread of a run by its seed; measured: whether on this study's own runs
    Every pair must pass by itself; several tests are corrected in the hardest way, the first of
    Holm's steps. None for other kinds of claims.
    """
    if not isinstance(claim, Gain | SignOf):
        return None
    pairs = list(zip(places[::2], places[1::2], strict=True))
    least = min(len(evidence.ran(place)) for place in places)
    protocol = places[0].protocol
    spread = evidence.spread(protocol, claim.metric)
    sd = spread["sd"] if spread else SEED_SD
    effect = EFFECT
    if isinstance(claim, Gain):
        effect = abs(claim.value) / 100 * (evidence.mean(pairs[0][1], claim.metric) or 0.0)
    parts = []
    for a, b in pairs:
        found = evidence.uncertainty(claim.metric, [(a, 1.0), (b, -1.0)])
        if found is not None and np.isfinite(found.parts[0][0]):
            parts.append(found.parts[0])
    if not parts or not effect:
        return None
    variance, freedom = max(parts)
    level = verdict.SIGNIFICANT / len(pairs)
    impressions = len(evidence.inside(protocol, None))

    def power(seeds: int, times: float = 1.0) -> float:
        return _power(effect, variance / times, freedom * times, sd, seeds, level)

    counts = range(2, MOST_SEEDS + 1)
    factors = np.geomspace(1, MOST_TIMES, 200)
    seeds = next((s for s in counts if power(s) >= WANTED), None)
    times = next((t for t in factors if power(max(2, least), t) >= WANTED), None)
    return {
        "effect": effect,
        "now": power(least) if least > 1 else None,
        "seeds": seeds,
        "impressions": None if times is None else math.ceil(impressions * times),
        "seed_sd": sd,
        "measured": spread is not None,
    }


def _power(
    effect: float, variance: float, freedom: float, sd: float, seeds: int, level: float
) -> float:
    """Of the two-sided test of a difference of two places with `seeds` runs each (2 or more)."""
    parts = [(variance, freedom), *[(sd**2 / seeds, seeds - 1)] * 2]
    total = sum(part for part, _ in parts)
    if total == 0:
        return 1.0
    welch = total**2 / sum(part**2 / df for part, df in parts)
    border = stats.t.isf(level / 2, welch)
    return float(stats.nct.sf(border, welch, effect / math.sqrt(total)))
