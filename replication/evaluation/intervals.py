"""Confidence intervals of metric means: a two-way bootstrap over users, articles and seeds.

Drawing users and articles and multiplying how often each was drawn (A. Owen: The Pigeonhole
Bootstrap, 2007) counts the impressions' own noise three times over. Most of MIND's users have one
impression or two, so that it matters: such intervals of 95 % hold 98 to 100 %. Drawing articles
with replacement holds too little where a few are clicked most. So each article has a normal
multiplier here, and each user one of the two-way variance's share of users: that by user less that
by user and article at once, in which the noise, that the articles' share holds already, cancels
out; see `resampled_means`. What an impression with several clicks has of each of its articles
counts its noise several times as well, and is taken off again. docs/independence.md has the
coverage of these and of Owen's.
"""

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

import numpy as np
from scipy import special

from replication.evaluation.clusters import Clusters
from replication.evaluation.groups import Groups, effective

Name = TypeVar("Name", bound=Hashable)
# Multipliers drawn at a time, over all resamples of a chunk: few enough to stay in a core's cache.
CHUNK_CELLS = 2**18
ROUNDING = 1e-10  # a singular value below this share of the largest is none
PRODUCT_COLUMNS = 48  # of one matrix product: wider ones were forty times slower with threads


def bootstrap_ci(
    values: Mapping[Name, np.ndarray],
    samples: int,
    seed: int,
    level: float = 0.95,
    clusters: Clusters | None = None,
) -> dict[Name, list[float] | None]:
    """[low, high] of the mean of each metric, from the quantiles of `samples` replicates.

    values: name -> (I,) float64, NaN where the metric is undefined for an impression; a mean leaves
    those out. clusters: None takes impressions as independent. A replicate serves all metrics
    alike, so that their intervals are paired. None where fewer than two impressions are defined.
    The same arguments give the same intervals. Raises ValueError if the arrays differ in length.
    """
    means = resampled_means(values, samples, seed, clusters)
    return {
        name: interval(means[name], level) if np.sum(~np.isnan(v)) >= 2 else None
        for name, v in values.items()
    }


def resampled_means(
    values: Mapping[Name, np.ndarray],
    samples: int,
    seed: int,
    clusters: Clusters | None = None,
    repeated: Iterable[np.ndarray] = (),
) -> dict[Name, np.ndarray]:
    """Bootstrap replicates of the mean of each cell: (samples,) float64 each.

    values    cell -> (I,) float64 of one run, or (S, I) of S runs that differ in their seed; the
              same I impressions in the same order for all cells, NaN where undefined
    clusters  users and articles of the impressions; None: each impression stands by itself, which
              is the naive interval
    repeated  (S, I) of places that were run with several seeds: what their runs differ by, pooled,
              stands for the spread of a cell with one run. Without them one run has no spread.

    A replicate is the mean plus three errors: that of articles, a normal multiplier for each of the
    shift of the mean where it is left out; that of users, a normal multiplier for each, see
    `_users_share`; both together widened to Student's t, as few large articles ask for; and that of
    S seeds, Student's t of S - 1 degrees of freedom. Multipliers of clusters are the same for all
    cells, whatever impressions they define, so that differences of replicates are paired; seeds
    are drawn for each cell by itself, by its place among the cells. NaN where fewer than two
    impressions, or a single article, define a cell.

    The same arguments, order of cells included, give the same replicates. Raises ValueError if the
    cells, or the clusters, differ in length.
    """
    cells = {name: np.atleast_2d(np.asarray(v, dtype=np.float64)) for name, v in values.items()}
    lengths = {cell.shape[1] for cell in cells.values()}
    lengths |= {len(clusters)} if clusters is not None else set()
    if len(lengths) > 1:
        raise ValueError(f"cells of {sorted(lengths)} impressions; expected the same shape for all")
    impressions = max(lengths, default=0)
    clusters = clusters or Clusters.independent(impressions)
    # What defines a metric are the labels: an impression that one run defines, all do.
    columns = (
        np.stack([c.mean(axis=0) for c in cells.values()], axis=1)
        if cells
        else np.empty((impressions, 0))
    )
    known = ~np.isnan(columns)
    sizes = known.sum(axis=0)
    sums = np.where(known, columns, 0.0).sum(axis=0)
    means = np.divide(sums, sizes, out=np.full(len(sizes), np.nan), where=sizes > 0)
    errors = _cluster_errors(columns - means, known, samples, seed, clusters)
    pooled = [np.asarray(runs, dtype=np.float64) for runs in repeated]
    seeds = np.random.default_rng(seed).spawn(len(cells))
    return {
        name: means[i] + errors[:, i] + _seed_errors(cell, pooled, samples, seeds[i])
        for i, (name, cell) in enumerate(cells.items())
    }


def interval(replicates: np.ndarray, level: float = 0.95) -> list[float] | None:
    """[low, high] that hold the middle `level` of the replicates (samples,), NaN left out.

    None where no replicate is a number.
    """
    known = replicates[~np.isnan(replicates)]
    if not len(known):
        return None
    tail = (1 - level) / 2
    return np.quantile(known, [tail, 1 - tail]).tolist()


def _cluster_errors(
    centred: np.ndarray, known: np.ndarray, samples: int, seed: int, clusters: Clusters
) -> np.ndarray:
    """What articles and users add to the mean of each of R columns (I, R): (samples, R)."""
    n = known.sum(axis=0)
    values, counts = np.where(known, centred, 0.0), known.astype(np.float64)
    sizes = clusters.article.sums(counts)
    told = (n > 1) & (sizes < n).all(axis=0)  # no article holds them all
    article = _articles_share(values, n, sizes, clusters.article)
    user = _users_share(values / n.clip(1), clusters)
    of_articles, of_users, scaling = np.random.default_rng(seed).spawn(3)
    errors = np.empty((samples, centred.shape[1]))
    chunk = max(1, CHUNK_CELLS // max(1, len(article) + len(user)))
    for start in range(0, samples, chunk):
        some = min(chunk, samples - start)
        by_articles = of_articles.standard_normal((some, len(article)))
        by_users = of_users.standard_normal((some, len(user)))
        for first in range(0, errors.shape[1], PRODUCT_COLUMNS):
            part = slice(first, first + PRODUCT_COLUMNS)
            added = by_articles @ article[:, part] + by_users @ user[:, part]
            errors[start : start + some, part] = added
    freedom = np.maximum(effective(clusters.article, counts) - 1, 1)
    errors[:, ~told] = np.nan
    levels = scaling.uniform(size=samples)
    for degrees in np.unique(freedom[told]):  # the same draw for all columns
        errors[:, freedom == degrees] *= _student(levels, degrees)[:, None]
    return errors


def _articles_share(
    values: np.ndarray, n: np.ndarray, sizes: np.ndarray, articles: Groups
) -> np.ndarray:
    """What each article adds to the error of R columns: (articles, R).

    values: (I, R) centred, 0 where undefined; n: (R,) impressions, sizes: (articles, R) of them.
    The shift of the mean where the article is left out; that of an impression with several clicks
    is in several, and is taken off but for one.
    """
    used = (sizes > 0).sum(axis=0)
    scale = np.sqrt((used - 1).clip(0) / used.clip(1))
    rest = n - sizes  # a column's only article has no shift
    sums = articles.sums(values)
    shifts = np.divide(sums, rest, out=np.zeros_like(rest), where=rest > 0) * scale
    several = articles.further > 0
    own = np.sqrt(articles.further[several])[:, None] * values[several] / (n - 1).clip(1) * scale
    return _without(shifts, own) if several.any() else shifts


def _users_share(values: np.ndarray, clusters: Clusters) -> np.ndarray:
    """What each user with several impressions adds to the error of R columns: (users, R).

    values  (I, R) what each impression adds to the column's mean, less that mean, 0 where undefined

    The two-way variance of Cameron, Gelbach and Miller (2011) is A + U - B: by article, by user,
    and by both at once. The articles' multipliers have A. Those of users would have the sum of
    squares of their sums, U, which counts the impressions' own noise once more; U - B is without
    it.
    """
    rows = (clusters.user.sizes > 1)[clusters.user.first]  # an only impression cancels out of U - B
    kept, values = clusters.select(rows), values[rows]
    own = np.sqrt(kept.pair.further)[:, None] * values
    return _without(kept.user.sums(values), kept.pair.sums(values), own)


def _without(sums: np.ndarray, less: np.ndarray, more: np.ndarray | None = None) -> np.ndarray:
    """Sums (G, R) of clusters turned such that, S being these, the squares S'S of all R columns and
    of their differences at once become S'S - less'less + more'more; less, more: (..., R).

    With S = P D V' (singular values) and K = 1 - C'C + ..., C being less V / D, that is what
    P sqrt(K) D V' has; negative eigenvalues of K become 0, as Cameron, Gelbach and Miller propose
    (section 2.3). It is one symmetric matrix over clusters, so that what the columns share stays
    shared, and columns of different clusters err independently.
    """
    left, levels, right = np.linalg.svd(sums, full_matrices=False)
    kept = levels > ROUNDING * levels.max(initial=0)
    left, levels, right = left[:, kept], levels[kept], right[kept]
    kernel = np.eye(len(levels))
    for sign, part in ((-1, less), (1, more)):
        if part is not None:
            scaled = part @ right.T / levels
            kernel += sign * (scaled.T @ scaled)
    factors, vectors = np.linalg.eigh(kernel)
    root = (vectors * np.sqrt(factors.clip(0))) @ vectors.T
    return left @ root @ (levels[:, None] * right)


def _student(levels: np.ndarray, degrees: float) -> np.ndarray:
    """What makes a normal variate one of Student's t: by uniform `levels` (samples,).

    The quantiles of chi-squared are those of `scipy.stats.chi2`, to the bit; every run computes
    them, and scipy.stats takes half a second to import.
    """
    chi2 = 2 * special.gammaincinv(degrees / 2, levels)
    return np.sqrt(degrees / chi2)


def _seed_errors(
    cell: np.ndarray, pooled: list[np.ndarray], samples: int, generator: np.random.Generator
) -> np.ndarray | float:
    """What other seeds would add to the mean of a cell (S, I): (samples,), 0 where none is known.

    A normal multiplier for each run has the variance of the mean over S seeds, and the same draw
    serves every group of impressions.
    """
    known = ~np.isnan(cell).any(axis=0)
    own = len(cell) > 1
    runs = [cell[:, known]] if own else [r[:, known] for r in pooled]
    means = [run.mean(axis=1) for run in runs if run.shape[1]]
    gaps = np.concatenate([m - m.mean() for m in means]) if means else np.empty(0)
    degrees = len(gaps) - len(means)
    factors = generator.standard_normal((samples, len(gaps)))
    if degrees < 1:
        return 0.0
    widened = np.sqrt(degrees / generator.chisquare(degrees, size=samples))
    return factors @ gaps / np.sqrt(degrees * len(cell)) * widened
