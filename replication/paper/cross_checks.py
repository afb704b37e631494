"""Figures on MIND that other people published: cross-checks of scale, nothing else.

They come from other code, data releases and splits than the paper's, so they are shown beside our
results as what they are, and no verdict ever uses one.
"""

from pathlib import Path
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from replication.evaluation.metrics import METRICS
from replication.paper.entries import load_entries
from replication.paper.models import Metric, ModelName, Recommender

CROSS_CHECKS = Path(__file__).with_name("cross_checks.yaml")

Text = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class CrossCheck:
    """One published result.

    source, data  where it is published, and on which part of MIND it was measured
    model         the model in its authors' terms
    recommender, encoder: the paper's names for the same, None where there is none or it is not told
    metrics       all four, as fractions (AUC .6686, not 66.86)
    sd            standard deviation over seeds, of the metrics that have one published
    """

    id: Text
    source: Text
    data: Text
    model: Text
    recommender: Recommender | None
    encoder: ModelName | None
    metrics: dict[Metric, Share]
    sd: dict[Metric, Share]
    note: Text | None

    @model_validator(mode="after")
    def _four_metrics(self) -> Self:
        if absent := [name for name in METRICS if name not in self.metrics]:
            raise ValueError(f"metrics.{absent[0]}: is missing")
        return self


def load_cross_checks(path: Path = CROSS_CHECKS) -> tuple[CrossCheck, ...]:
    """Every cross-check, in the file's order; `StudyError` naming file, cross-check and field."""
    return load_entries(path, CrossCheck, "cross-check")
