"""What the files under reports/ must look like before a page shows them.

A number is finite or null. A string where a number belongs, NaN, a missing key: the whole file then
counts as unreadable, with the first such place as the reason. Keys that no page reads may be there.
"""

import json
from typing import Annotated, Any, Literal, NotRequired

from annotated_types import Len
from pydantic import AfterValidator, Field
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

Finite = Annotated[float, Field(allow_inf_nan=False)]
Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]  # a page divides by it: it fits a float
Count = Annotated[Whole, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Interval = tuple[Finite, Finite]
Runs = tuple[Count, Count]  # ran, of
Fifth = Annotated[int, Field(ge=1, le=5)]  # a Literal would take true for 1
Group = Fifth | Literal["at_most_5", "more_than_5"]
# Of `replication.paper.verdict`; a page knows a sign for each.
Verdict = Annotated[
    str,
    Field(
        pattern=r"^(confirmed|undecided(: one seed)?|contradicted|equivalent|different|within|near"
        r"|better|worse|not run|partial \d+/\d+|no paper value|not testable)$"
    ),
]

_Metric = Share | None
_Ends = Interval | None
Metrics = TypedDict(
    "Metrics", {"auc": _Metric, "mrr": _Metric, "ndcg@5": _Metric, "ndcg@10": _Metric}
)
Intervals = TypedDict("Intervals", {"auc": _Ends, "mrr": _Ends, "ndcg@5": _Ends, "ndcg@10": _Ends})


class MetricsFile(Metrics):
    """metrics.json, and each reference in baselines.json."""

    impressions: Count
    ci95: Intervals
    tied_share: NotRequired[Share | None]


class ClickGroup(Metrics):
    users: Count
    impressions: Count
    clicks_mean: Finite | None
    clicks_min: Count | None
    clicks_max: Count | None
    ci95: Intervals


class NumberedGroup(ClickGroup):
    group: Fifth


class ColdStartFile(TypedDict):
    rule: str
    groups: Annotated[list[NumberedGroup], Len(5, 5)]
    at_most_5: ClickGroup
    more_than_5: ClickGroup


class CostFile(TypedDict):
    parameters: Count | None
    trainable_parameters: Count | None
    seconds: Finite | None
    start_seconds: NotRequired[Finite | None]
    search_seconds: NotRequired[Finite | None]
    training_seconds: NotRequired[Finite | None]
    test_seconds: NotRequired[Finite | None]
    articles_per_second: NotRequired[Finite | None]
    seconds_a_sample: NotRequired[Finite | None]
    operations_a_sample: NotRequired[Finite | None]
    reads_embeddings: NotRequired[bool]
    states_seconds: NotRequired[Finite | None]
    states_operations: NotRequired[Finite | None]
    resumed: NotRequired[Count]
    processes: NotRequired[Count]
    peak_memory_mib: Finite | None
    peak_gpu_memory_mib: Finite | None


class Hardware(TypedDict):
    processor: str | None
    cores: Count | None
    memory_gib: Finite | None
    gpu: str | None
    processor_family: NotRequired[str | None]
    system: NotRequired[str]


class Judged(TypedDict):
    """How a model tells clicks of the day held out (`encoders/lora/held_out.py`)."""

    clicks: Count
    loss: Finite
    auc: Finite


class JudgedError(TypedDict):
    """Standard errors of the differences after - before, taken click by click."""

    loss: Finite
    auc: Finite


class HeldOut(TypedDict):
    """What a training changed on clicks of the day held out; null: an error that is not known, as
    that of a single click. An earlier version told no error."""

    before: Judged
    after: Judged
    error: NotRequired[JudgedError | None]


class AdapterFile(TypedDict):
    """What the training of an adapter took, and what it did, where an earlier version said so."""

    trainable_parameters: Count | None
    steps: Count
    held_out: NotRequired[HeldOut]
    samples: NotRequired[Count]
    processes: NotRequired[Count]
    seconds: Finite | None
    seconds_a_sample: NotRequired[Finite | None]
    operations_a_sample: NotRequired[Finite | None]
    peak_memory_mib: Finite | None
    peak_gpu_memory_mib: Finite | None
    hardware: Hardware


class EmbeddingFile(TypedDict):
    """What embedding all articles by an encoder took."""

    articles: Count
    seconds: Finite
    operations: Finite
    processes: Count
    peak_memory_mib: Finite | None
    peak_gpu_memory_mib: Finite | None
    hardware: Hardware


class Checkpoint(TypedDict):
    encoder: str
    sha256: dict[str, str]
    source: NotRequired[str]
    name: NotRequired[str]
    revision: NotRequired[str | None]


class Git(TypedDict):
    commit: str | None
    changed: bool | None
    reason: NotRequired[str]


class Training(TypedDict):
    steps: Count
    epochs: NotRequired[Finite]
    best_step: NotRequired[Count]
    curve: NotRequired[list[tuple[Count, Finite | None, Finite | None]]]  # step, loss, AUC


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    """As they are; a ValueError where NaN or an infinity is among them."""
    json.dumps(values, allow_nan=False)
    return values


class RunFile(TypedDict):
    id: str
    profile: str
    seed: Whole
    params: Annotated[dict[str, Any], AfterValidator(_finite)]
    data_sha256: dict[str, str]
    checkpoint: Checkpoint
    hardware: Hardware
    libraries: dict[str, str | None]
    training: Training
    started: NotRequired[str]
    ended: NotRequired[str]
    precision: NotRequired[str]
    git: NotRequired[Git]
    inputs_sha256: NotRequired[dict[str, str]]
    code_sha256: NotRequired[dict[str, str]]
    computing: NotRequired[Annotated[dict[str, Any], AfterValidator(_finite)]]


class BaselinesFile(TypedDict):
    random: MetricsFile | None
    popularity: MetricsFile | None
    ceiling: MetricsFile | None
    reason: NotRequired[str]


class Split(TypedDict):
    impressions: Count
    users: Count
    candidates: Count
    clicks: Count
    news: Count
    history_mean: Finite
    history_median: Finite
    candidates_mean: Finite
    clicks_mean: Finite
    first: str
    last: str


class Splits(TypedDict):
    train: Split
    test: Split


class DataFile(TypedDict):
    """reports/data.json."""

    release: str | None
    splits: Splits
    articles: Count
    test_only_articles: Count
    test_users_unseen_share: Share
    categories: Count
    subcategories: Count
    sha256: dict[str, str]
