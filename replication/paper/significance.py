"""How sure a contrast of runs is, over users, articles and seeds alike."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from replication.evaluation.clusters import Clusters, mean_variance
from replication.evaluation.statistics import ROUNDING


@dataclass(frozen=True)
class Uncertainty:
    """The variance of a contrast of places, in parts.

    parts     (variance, degrees of freedom): of the impressions first, then of the seeds of each
              place with several, then of those of all others at once, which have one estimate
    rounding  below this, squared, a variance is none
    """

    parts: tuple[tuple[float, float], ...]
    rounding: float

    @property
    def variance(self) -> float:
        return sum(part for part, _ in self.parts)

    @property
    def freedom(self) -> float:
        """As B. L. Welch (Biometrika 34, 1947) and Satterthwaite have it."""
        return self.variance**2 / sum(part**2 / df for part, df in self.parts)

    def p(self, contrast: float | None) -> float | None:
        """Two-sided t-test that the contrast is zero; None where there is no variance to go by, 1
        where there is neither contrast nor variance."""
        if contrast is None or not np.isfinite(self.variance):
            return None
        if self.variance <= self.rounding**2:
            return 1.0 if abs(contrast) <= self.rounding else None
        return float(2 * special.stdtr(self.freedom, -abs(contrast) / np.sqrt(self.variance)))

    def interval(self, contrast: float, level: float = 0.95) -> list[float] | None:
        """[low, high] of what the test does not reject; None where no variance is known."""
        if not np.isfinite(self.variance):
            return None
        half = 0.0
        if self.variance > self.rounding**2:
            border = -special.stdtrit(self.freedom, (1 - level) / 2)
            half = float(border * np.sqrt(self.variance))
        return [contrast - half, contrast + half]


def uncertainty(
    terms: Sequence[np.ndarray],
    clusters: Clusters | None = None,
    repeated: Sequence[Iterable[np.ndarray]] = (),
) -> Uncertainty | None:
    """Of the sum of what several places add to a contrast.

    terms     per place (S, I) float64, what each of its S runs adds at each of the same I
              impressions, such as the AUC of one place and minus that of another; NaN: undefined
    clusters  of the impressions; None: independent ones
    repeated  per place: (S, I) of places that were run with several seeds, weighted as it is; where
              the place itself was run once, their spread, pooled, stands for its own

    The variance is that of the mean over impressions of the terms' sum, averaged over seeds
    (`clusters.mean_variance`), plus for each place that of the mean over its seeds. So few seeds
    have little to say, and degrees of freedom tell: those of a pooled spread count once, however
    many places it stands in for. None for fewer than two impressions.
    """
    sums = sum(term.mean(axis=0) for term in terms)
    known = ~np.isnan(sums)
    n = int(known.sum())
    if n < 2:
        return None
    within = clusters.select(known) if clusters is not None else Clusters.independent(n)
    parts = [mean_variance(sums[known], within)]
    pooled, pooled_freedom = 0.0, 0
    for i, term in enumerate(terms):
        if len(term) > 1:
            variance, freedom = _spread([term], known)
            parts.append((variance / len(term), freedom))
        elif repeated:
            variance, pooled_freedom = _spread(repeated[i], known)
            pooled += variance
    if pooled_freedom:
        parts.append((pooled, pooled_freedom))
    largest = max(np.abs(term[:, known]).max() for term in terms)
    return Uncertainty(tuple((v, max(df, 1.0)) for v, df in parts), ROUNDING * largest)


def _spread(alike: Iterable[np.ndarray], known: np.ndarray) -> tuple[float, int]:
    """Variance between runs (S, I) of a place, pooled over places, and its degrees of freedom."""
    gaps = [runs[:, known].mean(axis=1) for runs in alike]
    freedom = sum(len(means) - 1 for means in gaps)
    squares = sum(float(((means - means.mean()) ** 2).sum()) for means in gaps)
    return (squares / freedom if freedom else 0.0), freedom


def p_value(
    contrast: float | None,
    terms: Sequence[np.ndarray],
    clusters: Clusters | None = None,
    repeated: Sequence[Iterable[np.ndarray]] = (),
) -> float | None:
    """`Uncertainty.p` of `uncertainty`: with independent impressions and one run per place, that of
    the paired t-test. None where there is no contrast, or too few impressions."""
    found = uncertainty(terms, clusters, repeated)
    return None if found is None else found.p(contrast)
