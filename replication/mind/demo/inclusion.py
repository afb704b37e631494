"""Exact odds of being clicked when m clicks are drawn one after the other (Plackett-Luce)."""

import numpy as np

_STEP = 0.5  # of the trapezoid rule in log time for one click; more clicks need finer steps
_FIRST = 1e-4  # first time of the rule, in units of the mean time to the first arrival
_CHUNK = 600_000  # numbers in one work array: some 5 MB


def inclusion_probabilities(logits: np.ndarray, clicks: np.ndarray) -> np.ndarray:
    """Probability that each candidate is among the m first draws without replacement.

    Each draw takes a remaining candidate with probability proportional to exp(logit). In the
    equivalent race candidate i arrives after an exponential time with rate w_i = exp(logit_i), and
    the first m to arrive are clicked, so (Holst 1973; Efraimidis and Spirakis 2006)

        p_i = integral over t of  w_i exp(-w_i t) P(fewer than m of the others arrived by t),

    which rises with w_i: to rank by p is to rank by w. For m = 1 this is the softmax. Otherwise
    the integral is taken by the trapezoid rule in log t (doubly exponential decay on the right,
    exponential on the left) with a Poisson-binomial count of the others that is built from both
    ends, so nothing is ever subtracted. The error is below 1e-7.

    Args:
        logits: (impressions, width) float64; -inf where an impression has fewer candidates.
        clicks: (impressions,) int64, each at least 1 and less than the number of candidates.

    Returns:
        (impressions, width) float64; each row sums to its number of clicks, padding is 0.
    """
    peak = logits.max(axis=1, keepdims=True)
    rates = np.exp(logits - peak)
    rates /= rates.sum(axis=1, keepdims=True)
    result = rates.copy()
    count = (rates > 0).sum(axis=1)
    for m in np.unique(clicks[clicks > 1]):
        rows = np.flatnonzero(clicks == m)
        rows = rows[np.argsort(count[rows], kind="stable")]  # equal widths share a chunk
        while len(rows):
            size = max(1, int(_CHUNK / (70 * m * count[rows[0]])))
            now, rows = rows[:size], rows[size:]
            width = count[now].max()
            # Candidates stand first, padding last; order by rate so that it does not matter where.
            order = np.argsort(-rates[now], axis=1, kind="stable")[:, :width]
            some = _race(np.take_along_axis(rates[now], order, axis=1), int(m))
            block = np.zeros((len(now), rates.shape[1]))
            np.put_along_axis(block, order, some, axis=1)
            result[now] = block
    return result


def _race(rates: np.ndarray, m: int) -> np.ndarray:
    """(b, n) inclusion probabilities for m > 1; rates fall along a row, 0 is padding."""
    b, n = rates.shape
    # From where hardly anybody has arrived to where the m + 1 fastest surely have.
    slowest = rates[:, : m + 1].min()
    # The integrand is like t^m exp(-t) in log t, whose spectrum at 2 pi / step, which is the rule's
    # error, falls like exp(-pi^2 / step) but grows like (2 pi / step)^(m - 1) / (m - 1)!.
    step = _STEP / (1 + 0.1 * m)
    log_time = np.arange(np.log(_FIRST), np.log(18.0 / slowest), step)
    time = np.exp(log_time)
    missing = _FIRST / np.expm1(step)  # the rule's nodes before the first, where all else is 1
    away = np.exp(-rates.T[:, :, None] * time)  # (n, b, t): not yet arrived
    here = -np.expm1(-rates.T[:, :, None] * time)
    before = np.zeros((n, m, b, len(time)))  # P(k of the candidates ahead of i have arrived)
    before[0, 0] = 1.0
    for i in range(n - 1):
        np.multiply(before[i], away[i], out=before[i + 1])
        before[i + 1, 1:] += before[i, :-1] * here[i]
    after = np.ones((m, b, len(time)))  # P(at most k of the candidates behind i have arrived)
    result = np.empty((b, n))
    for i in range(n - 1, -1, -1):
        few = (before[i] * after[::-1]).sum(axis=0)
        result[:, i] = rates[:, i] * ((few * away[i]) @ time + missing) * step
        behind = after * away[i]
        behind[1:] += after[:-1] * here[i]
        after = behind
    # The rule's error must not carry a sure click past certainty.
    return np.minimum(result * (m / result.sum(axis=1, keepdims=True)), 1.0)
