"""The one place where a verdict is given.

A verdict is a word, never a number. What can be judged is `within` (agrees with the paper), `near`
(does not contradict it), `better` or `worse`: for a value, above or below the paper's; for a claim,
a stronger effect than the paper's, or one that contradicts it. What cannot be judged is `stale` or
`unreadable` (a report's files, to whoever reads them), `not run`, `partial k/n` (of the runs that
it needs, k are there), `no paper value` or `not testable`.
"""

from collections.abc import Sequence

Interval = Sequence[float] | None
NEAR = 1.5  # times the tolerance
SIGNIFICANT = 0.05


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


def of_effect(found: float | None, reference: float, tolerance: float) -> str:
    """An effect against the paper's, which is not 0: as `of_value` in the direction of the paper's,
    so that `better` is more of the same effect; one of the other sign is `near` at most."""
    direction = 1 if reference > 0 else -1
    if found is None:
        return of_value(None, abs(reference), tolerance)
    along = direction * found
    word = of_value(along, abs(reference), tolerance)
    return "near" if word == "within" and along <= 0 else word


def of_sign(interval: Interval, expected: int, p: float | None) -> str:
    """The sign of a difference: expected is 1 or -1; p is corrected for the number of tests.

    `within` where the interval lies wholly on the expected side of zero, `worse` where it lies
    wholly on the other, `near` where it holds zero, or where `p` is not significant: these data do
    not settle the sign.
    """
    if interval is None or p is None:
        return "not testable"
    low, high = sorted(expected * end for end in interval)
    if not significant(p) or low <= 0 <= high:
        return "near"
    return "within" if low > 0 else "worse"


def of_all(verdicts: Sequence[str]) -> str:
    """The verdict of a claim that says several things: that of its least favourable part.

    A part that cannot be judged weighs most: the claim is not judged either.
    """
    for word in ("not testable", "worse", "near", "within"):
        if word in verdicts:
            return word
    return "better"


def of_depth(interval: Sequence[int], reference: int, tolerance: int) -> str:
    """The interval of the best depth: `within` where it lies wholly in the paper's tolerance,
    `near` where it reaches into it, `worse` where it does not."""
    low, high = interval
    inside = reference - tolerance <= low and high <= reference + tolerance
    reaches = low <= reference + tolerance and reference - tolerance <= high
    return "within" if inside else "near" if reaches else "worse"


def of_order(steps: Sequence[float], resolved: Sequence[bool]) -> str:
    """That quality is not monotone in size; steps are smaller minus larger, for every pair.

    `within` where a smaller model beats a larger one and the test resolves it; `worse` where every
    larger model beats every smaller one, resolved; `near` between.
    """
    pairs = list(zip(steps, resolved, strict=True))
    if any(step > 0 and sure for step, sure in pairs):
        return "within"
    return "worse" if all(step < 0 and sure for step, sure in pairs) else "near"


def of_growth(correlation: float | None) -> str:
    """That a cost grows with size, by their rank correlation: `within` where it does at each step,
    `worse` where it does not in the main."""
    if correlation is None:
        return "not testable"
    if correlation > 1 - 1e-9:
        return "within"
    return "near" if correlation > 0 else "worse"
