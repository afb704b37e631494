"""The best number of fine-tuned layers, and which others may be the best just as well."""

from collections.abc import Sequence

import numpy as np

from replication.evaluation.statistics import ROUNDING
from replication.paper.evidence import Evidence, Place
from replication.paper.results import Result

MIDDLE = [0.1587, 0.8413]  # of a normal distribution: a standard deviation to either side
LEVEL = 0.95


def best_depth(evidence: Evidence, places: Sequence[Place], metric: str) -> Result | None:
    """The depth with the best mean, and how sure that is.

    places: the depths of one sweep. Returns found, candidates (the depths that may be the best: the
    true one is among them in 95 % of studies), ci95 (the least and the most of these) and shares
    (of replicates over impressions and seeds in which each is best, in the order of places); None
    where the metric is undefined.
    """
    measured = [evidence.mean(place, metric) for place in places]
    means = np.array([mean for mean in measured if mean is not None])
    replicates = evidence.replicates(places[0].protocol, metric, None)
    table = np.stack([replicates[place] for place in places])
    table = table[:, ~np.isnan(table).any(axis=0)]
    if len(means) < len(measured) or not table.size:
        return None
    depths = np.array([place.layers for place in places])
    winners = depths[table.argmax(axis=0)]
    candidates = [int(depth) for depth in depths[may_be_best(means, table)]]
    return {
        "found": int(depths[np.argmax(means)]),
        "candidates": candidates,
        "ci95": [min(candidates), max(candidates)],
        "shares": [float((winners == depth).mean()) for depth in depths],
    }


def may_be_best(means: np.ndarray, replicates: np.ndarray) -> np.ndarray:
    """Which of k means (k,) are not shown to be below another: (k,) bool, the largest among them.

    replicates: (k, samples). Each is compared with all others at once, by the largest of its k - 1
    studentised gaps, against the 95 % point of that largest gap's replicates (J. Hsu: Constrained
    Simultaneous Confidence Intervals for Multiple Comparisons with the Best, 1984). Where all are
    equal, each stays with a probability of 95 %: counting how often a mean is the largest of a
    replicate would tell one from the others far more often.
    """
    kept = np.ones(len(means), dtype=bool)
    for i in range(len(means)):
        gaps = np.delete(means - means[i], i)
        drawn = np.delete(replicates - replicates[i], i, axis=0) - gaps[:, None]
        low, high = np.quantile(drawn, MIDDLE, axis=1)
        width = (high - low) / 2
        wide = width > ROUNDING
        if (gaps[~wide] > ROUNDING).any():
            kept[i] = False
        elif wide.any():
            largest = (drawn[wide] / width[wide, None]).max(axis=0)
            kept[i] = (gaps[wide] / width[wide]).max() <= np.quantile(largest, LEVEL)
    return kept
