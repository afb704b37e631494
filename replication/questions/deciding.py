"""What would decide an answer that is undecided."""

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
