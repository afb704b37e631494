"""How a metric changes with the size of a model: the line through the models of a ladder.

Two things make such a slope uncertain. Other impressions would give other means: the two-way
variance of `clusters.mean_variance`. And other models of these sizes, or other seeds, would lie
elsewhere: how far the means lie off the line, with as many degrees of freedom as there are models
beyond two. A model may be good or bad for reasons that are not its size, and of few models one such
is enough to make a line rise; impressions alone, of which there are many, would be certain of it.
"""

import numpy as np

from replication.evaluation.clusters import Clusters, mean_variance
from replication.evaluation.statistics import ROUNDING
from replication.paper.significance import Uncertainty

LEAST = 3  # models, of which two lie on any line


def trend(rungs: np.ndarray, x: np.ndarray, clusters: Clusters) -> tuple[float, Uncertainty] | None:
    """The slope of a metric over `x`, by least squares over the models, and how sure it is.

    rungs (K, I) float64: the metric of each model at the same impressions, NaN where undefined;
    x (K,): of the models; clusters: of the I impressions. None for fewer than LEAST models, for
    fewer than two impressions that are defined, or where x is the same in all.
    """
    centred = x - x.mean()
    squares = float(centred @ centred)
    known = ~np.isnan(rungs).any(axis=0)
    if len(x) < LEAST or known.sum() < 2 or squares <= ROUNDING:
        return None
    rungs = rungs[:, known]
    slopes = centred @ rungs / squares  # of each impression
    means = rungs.mean(axis=1)
    found = float(slopes.mean())
    off = means - means.mean() - found * centred
    freedom = len(x) - 2.0
    variance, clusters_freedom = mean_variance(slopes, clusters.select(known))
    parts = (
        (variance, max(clusters_freedom, 1.0)),
        (float(off @ off) / freedom / squares, freedom),
    )
    return found, Uncertainty(parts, ROUNDING * float(np.abs(rungs).max()) / squares**0.5)


def apart(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(K, I) values whose mean is that of `inside` (I,) less that of all others, and whose variance
    as a mean is that of this difference; NaN where `values` are."""
    known = ~np.isnan(values).any(axis=0)
    shares = [(known & side).sum() / max(known.sum(), 1) for side in (inside, ~inside)]
    if not all(shares):
        return np.full_like(values, np.nan)
    means = [values[:, known & side].mean(axis=1, keepdims=True) for side in (inside, ~inside)]
    difference = means[0] - means[1]
    return difference + np.where(
        inside, (values - means[0]) / shares[0], -(values - means[1]) / shares[1]
    )
