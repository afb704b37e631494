"""How sure a contrast of runs is, over impressions and seeds alike."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from replication.evaluation.statistics import ROUNDING


def p_value(contrast: float | None, terms: Sequence[np.ndarray]) -> float | None:
    """Two-sided t-test that a contrast of experiments is zero.

    terms: per experiment (S, I) float64, what each of its S runs adds to the contrast at each of
    the same I impressions, such as the AUC of one experiment and minus that of another; NaN where
    undefined.

    The contrast's variance is that of the mean over impressions (of the terms' sum, averaged over
    seeds), plus for each experiment with several runs that of the mean over its seeds. So few seeds
    have little to say: degrees of freedom are those of Welch and Satterthwaite (B. L. Welch,
    Biometrika 34, 1947). With one run per experiment this is the paired t-test, which is silent
    about other seeds. None where there is no contrast, or fewer than two impressions, or no
    variance to go by; 1 where there is neither contrast nor variance.
    """
    sums = sum(term.mean(axis=0) for term in terms)
    known = ~np.isnan(sums)
    n = int(known.sum())
    if contrast is None or n < 2:
        return None
    parts = [(sums[known].var(ddof=1) / n, n - 1)]
    for term in terms:
        if (seeds := len(term)) > 1:
            parts.append((term[:, known].mean(axis=1).var(ddof=1) / seeds, seeds - 1))
    variance = sum(part for part, _ in parts)
    rounding = ROUNDING * max(np.abs(term[:, known]).max() for term in terms)
    if variance <= rounding**2:
        return 1.0 if abs(contrast) <= rounding else None
    freedom = variance**2 / sum(part**2 / df for part, df in parts)
    return float(2 * stats.t.sf(abs(contrast) / np.sqrt(variance), freedom))
