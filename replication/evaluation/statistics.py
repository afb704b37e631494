"""Comparisons of runs on the same impressions: paired tests, Holm's correction, correlation, trend.

Impressions of one user, and those of one clicked article, depend on each other (`clusters`);
without clusters they are taken as independent, which is called naive. What is missing (NaN) in one
run is left out of both; what cannot be computed is None, never 0.
"""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from replication.evaluation.clusters import Clusters, mean_variance

# Differences closer to each other than this, relative to the values compared, are rounding.
ROUNDING = 1e-12
Numbers = Sequence[float | None] | np.ndarray


def paired_tests(a: np.ndarray, b: np.ndarray, clusters: Clusters | None = None) -> dict:
    """How much a metric of run `a` exceeds that of run `b`, impression by impression.

    a, b: (I,) float64, the same impressions in the same order, NaN where undefined; or (S, I), S
    runs that differ in their seed, whose values are averaged per impression first, so that the
    tests speak of these runs' average and not of other seeds. clusters: of these impressions; None
    takes them as independent. Returns, over the impressions defined in both:

    difference   mean of a - b
    p            two-sided paired t-test, robust to the clusters (`clusters.mean_variance`)
    p_naive      the same with every impression by itself: the usual one
    p_wilcoxon   two-sided Wilcoxon signed-rank test, differences of 0 dropped; naive as well
    impressions  how many there are

    None for what too few impressions leave open (difference: none; the others: fewer than two).
    Where all differences are 0 both p are 1: nothing speaks for a difference. Where all are equal
    but not 0, p is None: the t-test has no variance to go by.
    """
    a, b = _averaged(a), _averaged(b)
    if a.shape != b.shape:
        raise ValueError(f"runs of {len(a)} and {len(b)} impressions; expected the same")
    both = ~np.isnan(a) & ~np.isnan(b)
    clusters = clusters.select(both) if clusters else None
    a, b = a[both], b[both]
    gaps = a - b
    result: dict = {
        "difference": float(gaps.mean()) if len(gaps) else None,
        "p": None,
        "p_naive": None,
        "p_wilcoxon": None,
        "impressions": len(gaps),
    }
    if len(gaps) < 2:
        return result
    rounding = ROUNDING * max(np.abs(a).max(), np.abs(b).max())
    if np.abs(gaps).max() <= rounding:
        return result | {"p": 1.0, "p_naive": 1.0, "p_wilcoxon": 1.0}
    if np.ptp(gaps) > rounding:
        result["p_naive"] = _t_test(gaps, Clusters.independent(len(gaps)))
        result["p"] = _t_test(gaps, clusters) if clusters else result["p_naive"]
    return result | {"p_wilcoxon": float(stats.wilcoxon(gaps).pvalue)}


def _averaged(values: np.ndarray) -> np.ndarray:
    """Means over seeds: (I,)."""
    return np.atleast_2d(np.asarray(values, dtype=np.float64)).mean(axis=0)


def _t_test(gaps: np.ndarray, clusters: Clusters) -> float | None:
    """Two-sided p that the mean of `gaps` is 0; None where one cluster holds them all."""
    variance, freedom = mean_variance(gaps, clusters)
    if not np.isfinite(variance) or freedom <= 0:
        return None
    return float(2 * stats.t.sf(abs(gaps.mean()) / np.sqrt(variance), freedom))


def holm(p: Sequence[float | None]) -> list[float | None]:
    """p-values adjusted for the number of tests, in the given order; None stays and does not count.

    Of m p-values in ascending order the i-th (from 0) becomes max over j <= i of (m - j) p_j, at
    most 1. S. Holm: A Simple Sequentially Rejective Multiple Test Procedure (1979).
    """
    adjusted: list[float | None] = [None] * len(p)
    given = ((i, value) for i, value in enumerate(p) if value is not None)
    known = sorted(given, key=lambda numbered: numbered[1])
    highest = 0.0
    for rank, (i, value) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * value))
        adjusted[i] = highest
    return adjusted


def rank_correlation(x: Numbers, y: Numbers) -> float | None:
    """Kendall's tau-b of n pairs, -1 to 1; a pair with a missing (None, NaN) value is left out.

    None for fewer than two pairs, or where x or y is constant.
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    both = ~np.isnan(a) & ~np.isnan(b)
    if both.sum() < 2:
        return None
    tau = float(stats.kendalltau(a[both], b[both]).statistic)
    return None if np.isnan(tau) else tau


def correlation_replicates(x: np.ndarray, replicates: np.ndarray) -> np.ndarray:
    """Kendall's tau-b of x (n,) with each column of `replicates` (n, samples): (samples,) float64.

    NaN where a column holds one or is constant, or where x is constant. Made for n up to about 20:
    it takes all n (n - 1) / 2 pairs at once.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(replicates, dtype=np.float64)
    i, j = np.triu_indices(len(x), k=1)
    of_x, of_y = np.sign(x[i] - x[j]), np.sign(y[i] - y[j])  # (pairs,), (pairs, samples)
    untied = np.abs(of_x).sum() * np.abs(of_y).sum(axis=0)
    tau = np.full(y.shape[1], np.nan)
    return np.divide(of_x @ of_y, np.sqrt(untied), out=tau, where=untied > 0)


def slope(y: np.ndarray) -> np.ndarray:
    """Least-squares slope of y over its ordered groups 1, 2, ..., g: (g, ...) -> (...) float64.

    Change per group. A group that is NaN is left out, for each slope by itself; NaN where fewer
    than two groups are left.
    """
    y = np.asarray(y, dtype=np.float64)
    group = np.arange(1.0, len(y) + 1).reshape(-1, *[1] * (y.ndim - 1))
    known = ~np.isnan(y)
    n = known.sum(axis=0)
    middle = (known * group).sum(axis=0) / np.maximum(n, 1)
    x = known * (group - middle)  # sums to 0, so that y need not be centred
    spread = (x * x).sum(axis=0)
    rise = (x * np.where(known, y, 0.0)).sum(axis=0)
    return np.divide(rise, spread, out=np.full(n.shape, np.nan), where=n > 1)
