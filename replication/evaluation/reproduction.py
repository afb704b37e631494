"""How well a rerun reproduces an original: measures of Breuer et al., as in package `repro_eval`.

T. Breuer, N. Ferro, N. Fuhr, M. Maistro, T. Sakai, P. Schaer, I. Soboroff: How to Measure the
Reproducibility of System-oriented IR Experiments, SIGIR 2020, https://doi.org/10.1145/3397271.3401036

Their topics are our impressions. An effect is the gain of an `advanced` run over a `baseline`. The
effect measures need means alone, so that they serve published figures too; `rmse` and
`kendall_tau_union` need both runs impression by impression.
"""

import numpy as np

from replication.evaluation.metrics import known_mean


def relative_improvement(
    advanced: np.ndarray | float | None, baseline: np.ndarray | float | None
) -> float | None:
    """RI = (mean advanced - mean baseline) / mean baseline; 0.01 is a gain of 1 %.

    Each is (I,) values of a metric, NaN left out, or their mean. None where a mean is missing or
    the baseline's is 0.
    """
    a, b = known_mean(advanced), known_mean(baseline)
    return None if a is None or not b else (a - b) / b


def delta_relative_improvement(original: float | None, rerun: float | None) -> float | None:
    """Delta RI = RI - RI', of the original and of the rerun: 0 is the same effect, above 0 a weaker
    one in the rerun. None where either is missing."""
    return None if original is None or rerun is None else original - rerun


def effect_ratio(
    original: np.ndarray | float | None, rerun: np.ndarray | float | None
) -> float | None:
    """ER = mean rerun / mean original: 1 is the same effect, at most 0 a lost or opposite one.

    Each is the improvements (I,) of advanced over baseline per impression, NaN left out, or their
    mean; the impressions of original and rerun need not be the same ones. None where a mean is
    missing or the original's is 0.
    """
    whole, part = known_mean(original), known_mean(rerun)
    return None if part is None or not whole else part / whole


def rmse(original: np.ndarray, rerun: np.ndarray) -> float | None:
    """Root mean square of original - rerun, a metric of the same impressions: (I,) each, in the
    same order. Impressions that are NaN in either are left out; None where none remain."""
    mean = known_mean((np.asarray(original) - np.asarray(rerun)) ** 2)
    return None if mean is None else float(np.sqrt(mean))


def kendall_tau_union(original: np.ndarray, rerun: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Kendall's tau of two runs' rankings of the candidates of each impression: (I,) float64.

    original, rerun: (N,) scores of the same candidates; offsets: (I + 1,) int64, impression i has
    ``offsets[i]:offsets[i + 1]``. Equal scores rank by the position rule of `evaluation.metrics`.
    NaN for fewer than two candidates. Both runs rank the same candidates, which therefore are the
    union. `repro_eval` compares positions in the list of document names, so that its value depends
    on them; it is this one where the names sort in the order of the original run.
    """
    sizes = np.diff(offsets)
    ranks = [_ranks(scores, sizes) for scores in (original, rerun)]
    tau = np.full(len(sizes), np.nan)
    for n in np.unique(sizes[sizes > 1]):
        i, j = np.triu_indices(n, k=1)
        rows = np.flatnonzero(sizes == n)
        # Pairs of candidates at a time: about 100 MB of working memory.
        for some in np.array_split(rows, 1 + len(rows) * len(i) // 2**22):
            places = offsets[some][:, None] + np.arange(n)
            first, second = (rank[places] for rank in ranks)  # (m, n)
            agree = (first[:, i] < first[:, j]) == (second[:, i] < second[:, j])
            tau[some] = 2 * agree.mean(axis=1) - 1
    return tau


def _ranks(scores: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Place of each candidate among all, in the order of impressions, best first: (N,) int64."""
    impression = np.repeat(np.arange(len(sizes)), sizes)
    position = np.arange(len(scores))
    ranks = np.empty(len(scores), dtype=np.int64)
    ranks[np.lexsort((-position, -np.asarray(scores), impression))] = position
    return ranks
