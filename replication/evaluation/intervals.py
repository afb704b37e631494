"""Confidence intervals of metric means: the percentile bootstrap over impressions.

B. Efron, R. Tibshirani: An Introduction to the Bootstrap (1993), chapter 13.
"""

from collections.abc import Mapping

import numpy as np

# Impressions drawn at a time, over all resamples of a chunk: about 100 MB of working memory.
CHUNK_CELLS = 2**22


def bootstrap_ci(
    values: Mapping[str, np.ndarray], samples: int, seed: int, level: float = 0.95
) -> dict[str, list[float] | None]:
    """[low, high] of the mean of each metric, from the quantiles of `samples` resampled means.

    values: name -> (I,) float64, NaN where the metric is undefined for an impression; a mean leaves
    those out. A resample draws I impressions with replacement and serves all metrics alike, so that
    their intervals are paired. None where fewer than two impressions are defined. The same
    arguments give the same intervals. Raises ValueError if the arrays differ in length.
    """
    table = np.stack([np.asarray(v, dtype=np.float64) for v in values.values()], axis=1)  # (I, M)
    defined = ~np.isnan(table)
    # Sums and counts come out of one matrix product.
    columns = np.concatenate([np.where(defined, table, 0.0), defined], axis=1)  # (I, 2M)
    impressions, metrics = table.shape
    generator = np.random.default_rng(seed)
    means = np.full((samples, metrics), np.nan)
    chunk = max(1, CHUNK_CELLS // max(1, impressions))
    for start in range(0, samples if impressions else 0, chunk):
        counts = _draw(generator, min(chunk, samples - start), impressions)
        sums, sizes = np.split(counts @ columns, 2, axis=1)  # each (chunk, M)
        part = means[start : start + chunk]
        # A resample may miss all of the few impressions that define a metric: it stays NaN.
        np.divide(sums, sizes, out=part, where=sizes > 0)
    tail = (1 - level) / 2
    return {
        name: np.nanquantile(means[:, m], [tail, 1 - tail]).tolist()
        if defined[:, m].sum() >= 2
        else None
        for m, name in enumerate(values)
    }


def _draw(generator: np.random.Generator, samples: int, impressions: int) -> np.ndarray:
    """How often each resample drew each impression: (samples, impressions) float64."""
    draws = generator.integers(impressions, size=(samples, impressions))
    draws += np.arange(samples)[:, None] * impressions  # each resample counts in its own row
    counts = np.bincount(draws.ravel(), minlength=samples * impressions)
    return counts.reshape(samples, impressions).astype(np.float64)
