"""What fine-tuning does to each recommender and encoder, beside the effect in the paper."""

from collections.abc import Sequence
from typing import Any

from replication.evaluation.reproduction import (
    delta_relative_improvement,
    effect_ratio,
    relative_improvement,
)
from replication.paper.claims import Claim, Gain
from replication.paper.evidence import Evidence, Place
from replication.paper.main_table import Values, paper_model
from replication.paper.results import minus
from replication.paper.values import PaperCell

METRIC = "auc"


def tuning_effects(
    evidence: Evidence, values: Values, claims: Sequence[Claim]
) -> list[dict[str, Any]]:
    """AUC of the fine-tuned over the frozen model, a row per recommender, encoder and protocol.

    relative_improvement (RI) as a fraction, with its interval; delta_relative_improvement against
    the paper's RI, from its imported values or else from a claim that states it; effect_ratio
    against its absolute difference, which imported values alone give. What there is not is None.
    """
    stated: dict[tuple[str, str | None], float] = {
        (claim.recommender, claim.model): claim.value / 100
        for claim in claims
        if isinstance(claim, Gain) and claim.metric == METRIC
    }
    rows = []
    for frozen in (place for place in evidence.grid if place.tuning == "frozen"):
        tuned = next((p for p in evidence.grid if _other_tuning(p, frozen)), None)
        if tuned is None:
            continue
        model = paper_model(evidence, frozen)
        ran, of = evidence.coverage([frozen, tuned])
        ours = [evidence.mean(p, METRIC) if evidence.ran(p) else None for p in (tuned, frozen)]
        cells = [PaperCell(frozen.recommender, model, t, None, None, METRIC)
                 for t in ("finetuned", "frozen")]  # fmt: skip
        paper = [values[cell].value if cell in values else None for cell in cells]
        known = None not in paper
        theirs = relative_improvement(*paper) if known else stated.get((frozen.recommender, model))
        gain, _, ends = (
            relative_gain(evidence, tuned, frozen, METRIC) if None not in ours else (None,) * 3
        )
        share = None if gain is None else gain / 100
        rows.append(
            {
                "recommender": frozen.recommender,
                "encoder": frozen.encoder,
                "model": model,
                "protocol": frozen.protocol,
                "runs": [ran, of],
                "finetuned": ours[0],
                "frozen": ours[1],
                "relative_improvement": share,
                "ci95": ends and [end / 100 for end in ends],
                "paper": theirs,
                "delta_relative_improvement": delta_relative_improvement(theirs, share),
                "effect_ratio": effect_ratio(minus(*paper), minus(*ours))
                if known and None not in ours
                else None,
            }
        )
    return rows


def _other_tuning(place: Place, frozen: Place) -> bool:
    return place == frozen._replace(tuning="finetuned", layers=place.layers)


def relative_gain(
    evidence: Evidence, tuned: Place, frozen: Place, metric: str
) -> tuple[float | None, float | None, list[float] | None]:
    """By how many percent the mean of the tuned place exceeds that of the frozen one, p that it
    does not, and the interval that agrees with it. A place without a mean, or one of 0: None."""
    above, below = (evidence.mean(place, metric) for place in (tuned, frozen))
    gain = relative_improvement(above, below)
    if gain is None:
        return None, None, None
    assert above is not None and below is not None  # or there were no gain
    gain *= 100
    # It changes by 100 / below with the tuned mean, by -100 above / below^2 with the other.
    sides = [(tuned, 100 / below), (frozen, -100 * above / below**2)]
    return gain, *evidence.tested(gain, metric, sides)
