"""The paper's tables: every figure of ours beside the paper's, with a verdict."""

from collections.abc import Mapping
from typing import Any

from replication.evaluation.intervals import interval
from replication.paper import verdict
from replication.paper.cells import METRICS
from replication.paper.evidence import Evidence, Group, Place
from replication.paper.results import minus
from replication.paper.values import GROUPS, PaperCell, Value

Values = Mapping[PaperCell, Value]
TOLERANCE = 0.0068
TOLERANCE_REASON = (
    "Twice the standard deviation of the difference of two single runs: NewsReX reports .0024 over "
    "3 seeds for the AUC of NAML on MIND-small; .0024 x sqrt(2) x 2. No spread of the other "
    "metrics is published, so the same is taken for them."
)


def main_table(evidence: Evidence, values: Values) -> list[dict[str, Any]]:
    """A row per experiment of the grid: every metric, and the AUC of each of the five groups.

    Each entry is ours with its interval, the paper's value, their difference and the verdict.
    """
    rows = []
    for place in evidence.grid:
        model = paper_model(evidence, place)
        key = (place.recommender, model, place.tuning, None)
        rows.append(
            {
                "recommender": place.recommender,
                "encoder": place.encoder,
                "model": model,
                "tuning": place.tuning,
                "layers": place.layers,
                "protocol": place.protocol,
                "runs": list(evidence.coverage([place])),
                "commands": [cell.command for cell in evidence.cells[place]],
                "metrics": {
                    metric: compared(
                        evidence, place, metric, values.get(PaperCell(*key, None, metric))
                    )
                    for metric in METRICS
                },
                "groups": [
                    {"group": group}
                    | compared(
                        evidence, place, "auc", values.get(PaperCell(*key, group, "auc")), group
                    )
                    for group in GROUPS
                ],
            }
        )
    return rows


def paper_model(evidence: Evidence, place: Place) -> str | None:
    """The paper's name of the language model; None where it is none of the paper's."""
    names = {ours: theirs for theirs, ours in evidence.paper_names.items()}
    return names.get(place.encoder)


def compared(
    evidence: Evidence, place: Place, metric: str, paper: Value | None, group: Group = None
) -> dict[str, Any]:
    """One figure of ours beside the paper's; what there is not is None."""
    ran, of = evidence.coverage([place])
    ours = evidence.mean(place, metric, group) if ran else None
    replicates = evidence.replicates(place.protocol, metric, group)[place] if ran else None
    reference = None if paper is None else paper.value
    return {
        "ours": ours,
        "ci95": None if replicates is None else interval(replicates),
        "paper": reference,
        "source": None if paper is None else paper.source,
        "difference": minus(ours, reference),
        "verdict": verdict.coverage(ran, of) or verdict.of_value(ours, reference, TOLERANCE),
    }
