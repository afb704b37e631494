"""What would decide an answer that is undecided, and what stands beside one and decides nothing."""

from replication.paper import verdict
from replication.paper.results import Result
from replication.paper.significance import Uncertainty
from replication.questions.slopes import impressions_to_decide


def wanted(
    part: Result, sure: Uncertainty | None, impressions: int, users: int, shared: float = 0.0
) -> Result | None:
    """So many impressions and users; None where the answer is decided, or where no number of
    impressions that is looked at decides it. `part` is the comparison that the answer rests on;
    shared: as `impressions_to_decide` has it."""
    if part["verdict"] != "undecided" or sure is None:
        return None
    counts = impressions_to_decide(
        sure, part["effect"], verdict.SIGNIFICANT, impressions, users, shared
    )
    return counts and {"effect": part["effect"], "unit": part["unit"], "seeds": None, **counts}


def told_aside(
    what: str, unit: str, found: float | None, ends: list[float] | None, reason: str
) -> Result:
    """A part of an answer that no test judges; `reason`: why."""
    return {
        "what": what, "unit": unit, "found": found, "ci95": ends, "p": None, "p_holm": None,
        "effect": None, "small": False, "verdict": "not testable", "reason": reason,
    }  # fmt: skip
