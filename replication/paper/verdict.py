"""The one place where a verdict is given.

A verdict is a word, never a number. A claim is `confirmed`, `undecided` or `contradicted`; where it
puts a figure on something, that is a second question: our figure is `equivalent` to the paper's
within the tolerance, `different`, or `undecided`. A figure of the tables, which no test can be made
of, is `within` the tolerance, `near` it, or `better` or `worse`: above or below the paper's. What
cannot be judged is `stale` or `unreadable` (a report's files, to whoever reads them), `not run`,
`partial k/n` (of the runs that it needs, k are there), `no paper value` or `not testable`.
"""

import itertools
from collections.abc import Sequence

Interval = Sequence[float] | None
NEAR = 1.5  # times the tolerance
SIGNIFICANT = 0.05
ONE_SEED = "undecided: one seed"


def significant(p: float | None) -> bool:
    """Whether a test, corrected for its family, rejects that there is nothing."""
    return p is not None and p < SIGNIFICANT


def coverage(ran: int, of: int) -> str | None:
    """`not run`, `partial k/n`, or None where all runs are there."""
    if not ran:
        return "not run"
    return None if ran == of else f"partial {ran}/{of}"


def of_value(found: float | None, reference: float | None, tolerance: float | None) -> str:
    """A figure of ours against the paper's: within the tolerance, near it, or better or worse.

    The paper gives no variance, so that no test of the difference is possible; the tolerance says
    what is close enough, and why stands with it.
    """
    if reference is None:
        return "no paper value"
    if found is None or tolerance is None:
        return "not testable"
    difference = found - reference
    if abs(difference) <= tolerance:
        return "within"
    if abs(difference) <= NEAR * tolerance:
        return "near"
    return "better" if difference > 0 else "worse"


def of_sign(interval: Interval, expected: int, p: float | None) -> str:
    """The sign of a difference: expected is 1 or -1; p is corrected for the number of tests.

    `confirmed` where the interval lies wholly on the expected side of zero, `contradicted` where it
    lies wholly on the other, `undecided` where it holds zero, or where `p` is not significant.
    """
    if interval is None or p is None:
        return "not testable"
    low, high = sorted(expected * end for end in interval)
    if not significant(p) or low <= 0 <= high:
        return "undecided"
    return "confirmed" if low > 0 else "contradicted"


def of_size(interval: Interval, reference: float, tolerance: float) -> str:
    """A figure against the paper's: `equivalent` where the whole interval lies within the
    tolerance, `different` where none of it does, `undecided` between: two one-sided tests of 2.5 %
    each."""
    if interval is None:
        return "not testable"
    low, high = interval
    if reference - tolerance <= low and high <= reference + tolerance:
        return "equivalent"
    apart = high < reference - tolerance or low > reference + tolerance
    return "different" if apart else "undecided"


def of_all(verdicts: Sequence[str]) -> str:
    """The verdict of a claim that says several things, all of which must hold: that of its least
    favourable part. A part that cannot be judged weighs most: the claim is not judged either."""
    for word in ("not testable", "contradicted", "undecided"):
        if word in verdicts:
            return word
    return "confirmed"


def of_some(verdicts: Sequence[str]) -> str:
    """The verdict of a claim that holds as soon as one part does, and fails only if all do: a part
    that cannot be judged keeps it from failing, not from holding."""
    for word in ("confirmed", "not testable", "undecided"):
        if word in verdicts:
            return word
    return "contradicted"


def of_every_sign(
    signs: Sequence[str], p: Sequence[float | None], as_expected: Sequence[bool]
) -> str:
    """A claim that a sign holds in every one of several comparisons.

    Confirmed where each test by itself, uncorrected, is significant and as expected: that all are
    wrongly so at once is no likelier than that one is (R. Berger: Multiparameter Hypothesis Testing
    and Acceptance Sampling, 1982). Otherwise `of_all` of the corrected `signs`, short of that.
    """
    if "not testable" not in signs and all(
        significant(one) and right for one, right in zip(p, as_expected, strict=True)
    ):
        return "confirmed"
    word = of_all(signs)
    return "undecided" if word == "confirmed" else word


def of_effect(interval: Interval, expected: int, p: float | None, effect: float) -> str:
    """Whether there is an effect of sign `expected` (1 or -1), of a question for which nobody has
    claimed one. p is corrected for the number of tests.

    effect  the smallest that counts, above 0, in the unit of the interval
    `confirmed` where the interval lies wholly on the expected side of zero and p is significant;
    `contradicted` where it is not and no point of the interval is as large as `effect`; `undecided`
    between.
    """
    if interval is None or p is None:
        return "not testable"
    low, high = sorted(expected * end for end in interval)
    if significant(p) and low > 0:
        return "confirmed"
    return "contradicted" if high < effect else "undecided"


def of_depth(best: Sequence[int], reference: int, tolerance: int) -> str:
    """The depths that may be the best, of which one in twenty such sets misses the true one:
    `confirmed` where all lie in the paper's tolerance, `contradicted` where none does."""
    inside = [abs(depth - reference) <= tolerance for depth in best]
    return "confirmed" if all(inside) else "undecided" if any(inside) else "contradicted"


def of_order(inversions: Sequence[bool], rises: Sequence[bool]) -> str:
    """That quality is not monotone in size, of one ladder.

    inversions  for every pair, whether the smaller model is resolved to be the better one
    rises       for every step up, whether the larger model is resolved to be the better one
    """
    if any(inversions):
        return "confirmed"
    return "contradicted" if all(rises) else "undecided"


def of_growth(values: Sequence[float], tolerance: float, falls: bool = True) -> str:
    """That a cost grows with size; values by size, smallest first, above 0.

    tolerance  the fraction by which two costs may differ and still count as alike
    falls      whether a largest value that is not above the smallest is more than chance: true of
               costs, which are measured to a few per cent
    `confirmed` where the largest model costs more than the smallest by more than the tolerance, and
    no step down exceeds it; `contradicted` where the largest does not, and that is more than
    chance; `undecided` between.
    """
    grown = values[-1] > values[0] * (1 + tolerance)
    steps = itertools.pairwise(values)
    if grown and all(b >= a * (1 - tolerance) for a, b in steps):
        return "confirmed"
    return "undecided" if grown or not falls else "contradicted"
