"""The paper's claims as data: what each says, its figure or sign, and what counts as agreement.

The paper: Zhao, Huang, Vos, de Rijke, Revisiting Language Models in Neural News Recommender
Systems, ECIR 2025, arXiv 2501.11391. Its figures are known here from a summary of it
(`source: paper`) or from somebody else's account (`third-hand`); its tables are not transcribed.
What the paper does not give is null, with a reason. Verdicts are given elsewhere.
"""

import itertools
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar, cast, dataclass_transform

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from replication.paper.entries import load_entries
from replication.paper.models import Metric, ModelName, Recommender, Tuning

CLAIMS = Path(__file__).with_name("claims.yaml")

Sign = Literal["positive", "negative"]
Text = Annotated[str, Field(min_length=1)]
Kind = TypeVar("Kind")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def strict(kind: type[Kind]) -> type[Kind]:
    """A frozen dataclass that pydantic checks; told to checkers as what it is."""
    config = ConfigDict(extra="forbid", allow_inf_nan=False)
    return cast(type[Kind], dataclass(frozen=True, kw_only=True, config=config)(kind))


@strict
class Claim:
    """What every claim has.

    value             the figure to compare with, in the unit that its kind states; None: unknown
    value_reason      why there is none; None where there is one
    tolerance         distance from `value` that still counts as agreement, in the unit of its kind
    tolerance_reason  why that much, or why none
    reading           what is ours where the source leaves the claim open; None: nothing is
    """

    id: Text
    statement: Text
    source: Literal["paper", "third-hand"]
    confidence: Literal["medium", "low"]
    value: float | None
    value_reason: Text | None = None
    tolerance: Annotated[float, Field(gt=0)] | None
    tolerance_reason: Text
    reading: Text | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.value is None) != (self.value_reason is not None):
            raise ValueError("value_reason: expected a reason where value is null, and only there")
        if self.value is None and self.tolerance is not None:
            raise ValueError("tolerance: expected null where value is null")
        return self


@strict
class Gain(Claim):
    """Relative gain of the fine-tuned over the frozen model: value in percent of the frozen
    metric, tolerance in percentage points."""

    kind: Literal["gain"]
    recommender: Recommender
    model: ModelName
    metric: Metric
    value: float
    tolerance: Annotated[float, Field(gt=0)]


@strict
class Depth(Claim):
    """Number of fine-tuned top layers, among `sweep`, that gives the best metric; value and
    tolerance in layers."""

    kind: Literal["depth"]
    recommender: Recommender
    model: ModelName
    metric: Metric
    sweep: tuple[int, ...]
    value: int
    tolerance: Annotated[int, Field(gt=0)]


@strict
class ColdGain(Claim):
    """Relative gain of `model` over the models `over` among the users of group 1, the coldest of
    `groups` by clicks: value in percent, tolerance in percentage points.

    trend        sign of the gain's trend from group 1 to the last; None where nothing is claimed
    mean_clicks  clicks per user in the paper's group 1: a check of our groups; None: not given
    """

    kind: Literal["cold_gain"]
    recommenders: tuple[Recommender, ...]
    model: ModelName
    over: tuple[ModelName, ...]
    metric: Metric
    groups: int
    trend: Sign | None
    mean_clicks: float | None


@strict
class NotMonotone(Claim):
    """The metric does not grow with every step up in size, throughout: in some recommender and
    tuning a smaller model is better than a larger one."""

    kind: Literal["not_monotone"]
    recommenders: tuple[Recommender, ...]
    models: tuple[ModelName, ...]
    tunings: tuple[Tuning, ...]
    metric: Metric


@strict
class Minus:
    """What is subtracted; model None: the same model as on the other side."""

    model: ModelName | None
    tuning: Tuning


@strict
class SignOf(Claim):
    """Sign of a difference of the metric, for each recommender and each of `models`:
    (model, tuning) minus `minus`."""

    kind: Literal["sign"]
    recommenders: tuple[Recommender, ...]
    models: tuple[ModelName, ...]
    tuning: Tuning
    minus: Minus
    metric: Metric
    sign: Sign


@strict
class Cost(Claim):
    """Every one of `measures` grows with the model's size, for each recommender.

    operations (floating-point), device_seconds of all that a model needs, seconds_a_sample of
    training, memory at its peak, and sensitivity: the range of the metric over the hyper-parameters
    that were tried.
    """

    kind: Literal["cost"]
    recommenders: tuple[Recommender, ...]
    models: tuple[ModelName, ...]
    tuning: Tuning
    metric: Metric
    measures: tuple[
        Literal["operations", "device_seconds", "seconds_a_sample", "memory", "sensitivity"], ...
    ]


AnyClaim = Annotated[
    Gain | Depth | ColdGain | NotMonotone | SignOf | Cost, Field(discriminator="kind")
]


def models_of(claim: Claim) -> list[str]:
    """The paper's models that a claim is about, each once."""
    named = [getattr(claim, key, None) for key in ("model", "models", "over")]
    if isinstance(claim, SignOf):
        named.append(claim.minus.model)
    flat = [[n] if isinstance(n, str) else list(n) for n in named if n]
    return list(dict.fromkeys(itertools.chain.from_iterable(flat)))


def load_claims(path: Path = CLAIMS) -> tuple[Claim, ...]:
    """Every claim, in the file's order; `StudyError` naming the file, the claim and the field."""
    return load_entries(path, AnyClaim, "claim")
