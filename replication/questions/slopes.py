"""How a metric changes with something that differs between impressions: slopes and their errors.

Slopes are those of least squares over impressions. Their variance is the jackknife's, which leaves
one cluster out at a time, two-way: by user plus by article less by both at once, and never less
than the larger of the two alone (as `clusters.mean_variance` has it for a mean; J. MacKinnon,
M. Nielsen, M. Webb: Fast and Reliable Jackknife and Bootstrap Methods for Cluster-Robust Inference,
2023). Degrees of freedom are those of the effective number of clusters of the sparser kind, where
each counts by how much it says of a slope: the sum of its squared distances from the middle.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from replication.evaluation.clusters import Clusters
from replication.evaluation.groups import Groups, effective
from replication.evaluation.statistics import ROUNDING
from replication.paper.power import MOST_TIMES, WANTED, power_with
from replication.paper.significance import Uncertainty

MOST_DOUBLINGS = 10  # of the number of units


def slope(
    units: Sequence[np.ndarray], x: np.ndarray, clusters: Clusters
) -> tuple[float, Uncertainty] | None:
    """The slope over `x` (I,) of the mean of several units, (I,) each, and how sure it is.

    units  what is taken as a sample: experiments, or differences of two experiments. The spread of
           their slopes, which holds that of their seeds, is a part of the variance
    None where fewer than three impressions are defined, or where x is the same in all.
    """
    y = np.mean(units, axis=0)
    known = ~np.isnan(y) & ~np.isnan(x)
    centred = x[known] - x[known].mean() if known.any() else x[known]
    squares = float((centred**2).sum())
    if known.sum() < 3 or squares <= ROUNDING:
        return None
    slopes = np.array([float(centred @ unit[known]) / squares for unit in units])
    within = clusters.select(known)
    found = float(slopes.mean())
    parts = [_variance(centred, y[known], within)]
    if len(units) > 1:
        parts.append((float(slopes.var(ddof=1)) / len(units), float(len(units) - 1)))
    largest = max(float(np.abs(unit[known]).max()) for unit in units)
    return found, Uncertainty(tuple(parts), ROUNDING * largest / math.sqrt(squares))


def _variance(x: np.ndarray, y: np.ndarray, clusters: Clusters) -> tuple[float, float]:
    """Of the slope of y over x, both (n,), and its degrees of freedom."""
    kinds = (clusters.user, clusters.article)
    by_user, by_article, by_both = (_jackknife(x, y, g) for g in (*kinds, clusters.pair))
    variance = max(by_user + by_article - by_both, by_user, by_article)
    sizes = [float(effective(groups, x**2)) for groups in kinds]
    return variance, max(min(sizes) - 1, 1.0)


def _jackknife(x: np.ndarray, y: np.ndarray, groups: Groups) -> float:
    """Infinite where a slope is gone with one cluster."""
    moments = np.stack([np.ones_like(x), x, y, x * x, x * y], axis=1)
    shifts = _shifts(moments, groups.sums(moments))
    several = groups.further > 0
    own = _shifts(moments, moments[several])  # of an impression alone, which is to count once
    squares = (shifts**2).sum() - groups.further[several] @ own**2
    count = len(groups)
    return float((count - 1) / count * squares) if np.isfinite(squares) else math.inf


def _shifts(moments: np.ndarray, out: np.ndarray) -> np.ndarray:
    """What leaving out parts of these sums (G, 5) changes of the slope: (G,)."""
    whole = moments.sum(axis=0)
    n, sx, sy, sxx, sxy = np.vstack([whole, whole - out]).T
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = (sxy - sx * sy / n) / (sxx - sx**2 / n)
    return slopes[1:] - slopes[0]


def impressions_to_decide(
    found: Uncertainty,
    effect: float,
    level: float,
    impressions: int,
    users: int,
    shared: float = 0.0,
) -> dict[str, int] | None:
    """How many impressions, and users in proportion, give such a slope a power of WANTED for
    `effect` at `level`; the units stay as they are. None where MOST_TIMES as many do not.

    shared  of the variance between units, how much the impressions make, so that it falls with them
    """
    (variance, freedom), *rest = found.parts
    if not math.isfinite(variance):
        return None
    for times in np.geomspace(1, MOST_TIMES, 200):
        units = [(v + min(v, shared) * (1 / times - 1), df) for v, df in rest]
        if power_with(effect, level, [(variance / times, freedom * times), *units]) >= WANTED:
            return {
                "impressions": math.ceil(impressions * times),
                "users": math.ceil(users * times),
            }
    return None


def units_to_decide(
    found: Uncertainty, effect: float, level: float, impressions: int, users: int
) -> dict[str, int] | None:
    """`impressions_to_decide` with the fewest `units`, of twice, four times, ... as many, where it
    has an answer, if more of them spread as these do. None for one unit, or where none has one.
    """
    first, *rest = found.parts
    if len(rest) != 1:
        return None
    [(variance, freedom)] = rest
    for times in 2 ** np.arange(1, MOST_DOUBLINGS + 1):
        units = round(freedom + 1) * int(times)
        more = replace(found, parts=(first, (variance / times, units - 1.0)))
        counts = impressions_to_decide(more, effect, level, impressions, users)
        if counts:
            return {"units": units, **counts}
    return None
