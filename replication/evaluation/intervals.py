"""Confidence intervals of metric means: the percentile bootstrap over impressions and seeds.

B. Efron, R. Tibshirani: An Introduction to the Bootstrap (1993), chapter 13.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

Name = TypeVar("Name", bound=Hashable)
# Impressions drawn at a time, over all resamples of a chunk: few enough to stay in a core's cache.
CHUNK_CELLS = 2**18
# Values averaged at a time, over all runs of a block: about 130 MB. Each block draws anew.
BLOCK_CELLS = 2**23
PRODUCT_COLUMNS = 48  # of one matrix product: wider ones were forty times slower with threads


def bootstrap_ci(
    values: Mapping[Name, np.ndarray], samples: int, seed: int, level: float = 0.95
) -> dict[Name, list[float] | None]:
    """[low, high] of the mean of each metric, from the quantiles of `samples` resampled means.

    values: name -> (I,) float64, NaN where the metric is undefined for an impression; a mean leaves
    those out. A resample draws I impressions with replacement and serves all metrics alike, so that
    their intervals are paired. None where fewer than two impressions are defined. The same
    arguments give the same intervals. Raises ValueError if the arrays differ in length.
    """
    means = resampled_means(values, samples, seed)
    return {
        name: interval(means[name], level) if np.sum(~np.isnan(v)) >= 2 else None
        for name, v in values.items()
    }


def resampled_means(
    values: Mapping[Name, np.ndarray], samples: int, seed: int
) -> dict[Name, np.ndarray]:
    """Bootstrap replicates of the mean of each cell: (samples,) float64 each.

    values: cell -> (I,) float64 of one run, or (S, I) of S runs that differ in their seed; the same
    I impressions in the same order for all cells, NaN where undefined. A replicate draws I
    impressions with replacement, the same for all cells, so that differences of replicates are
    paired; and S runs with replacement for each cell by itself. Its mean is over all defined values
    drawn; NaN where there are none. With few runs the spread between seeds is understated, by the
    factor (S - 1)/S in variance, and not seen at all with one.

    The same arguments, order of cells included, give the same replicates. Raises ValueError if the
    cells differ in length.
    """
    cells = {name: np.atleast_2d(np.asarray(v, dtype=np.float64)) for name, v in values.items()}
    if len(lengths := {cell.shape[1] for cell in cells.values()}) > 1:
        raise ValueError(f"cells of {sorted(lengths)} impressions; expected the same shape for all")
    runs = [run for cell in cells.values() for run in cell]
    sums, sizes = np.empty((2, samples, len(runs)))
    block = max(1, BLOCK_CELLS // max([1, *lengths]))
    for start in range(0, len(runs), block):
        columns = slice(start, start + block)
        sums[:, columns], sizes[:, columns] = _resampled_totals(runs[columns], samples, seed)

    replicates: dict[Name, np.ndarray] = {}
    first = 0
    seeds = np.random.default_rng(seed).spawn(len(cells))
    for (name, cell), generator in zip(cells.items(), seeds, strict=True):
        s = len(cell)
        drawn = generator.multinomial(s, np.full(s, 1 / s), size=samples)  # (samples, S)
        total = (drawn * sums[:, first : first + s]).sum(axis=1)
        size = (drawn * sizes[:, first : first + s]).sum(axis=1)
        # A resample may miss all of the few impressions that define a metric: it stays NaN.
        replicates[name] = np.divide(total, size, out=np.full(samples, np.nan), where=size > 0)
        first += s
    return replicates


def interval(replicates: np.ndarray, level: float = 0.95) -> list[float] | None:
    """[low, high] that hold the middle `level` of the replicates (samples,), NaN left out.

    None where no replicate is a number.
    """
    if np.isnan(replicates).all():
        return None
    tail = (1 - level) / 2
    return np.nanquantile(replicates, [tail, 1 - tail]).tolist()


def _resampled_totals(
    runs: Sequence[np.ndarray], samples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of the defined values that each replicate draws of each run.

    runs: R times (I,) float64; returns two (samples, R) float64. Impressions follow `seed` alone.
    """
    impressions = len(runs[0])
    # Sums and counts come out of one matrix product.
    columns = np.empty((impressions, 2 * len(runs)))
    for r, run in enumerate(runs):
        defined = ~np.isnan(run)
        columns[:, r] = np.where(defined, run, 0.0)
        columns[:, len(runs) + r] = defined
    totals = np.zeros((samples, 2 * len(runs)))
    generator = np.random.default_rng(seed)
    chunk = max(1, CHUNK_CELLS // max(1, impressions))
    for start in range(0, samples if impressions else 0, chunk):
        counts = _draw(generator, min(chunk, samples - start), impressions)
        for first in range(0, columns.shape[1], PRODUCT_COLUMNS):
            some = slice(first, first + PRODUCT_COLUMNS)
            totals[start : start + chunk, some] = counts @ columns[:, some]
    sums, sizes = np.split(totals, 2, axis=1)
    return sums, sizes


def _draw(generator: np.random.Generator, samples: int, impressions: int) -> np.ndarray:
    """How often each resample drew each impression: (samples, impressions) float64."""
    draws = generator.integers(impressions, size=(samples, impressions))
    draws += np.arange(samples)[:, None] * impressions  # each resample counts in its own row
    counts = np.bincount(draws.ravel(), minlength=samples * impressions)
    return counts.reshape(samples, impressions).astype(np.float64)
