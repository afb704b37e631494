"""What comparison.json must look like before a page shows it; see `schema`."""

from typing import Annotated, NotRequired

from annotated_types import Len
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from replication.report.schema import (
    Count,
    Fifth,
    Finite,
    Group,
    Interval,
    Runs,
    Share,
    Verdict,
    Whole,
)


class Compared(TypedDict):
    """One figure of ours beside the paper's."""

    ours: Finite | None
    ci95: Interval | None
    paper: Finite | None
    source: str | None
    difference: Finite | None
    verdict: Verdict


ComparedMetrics = TypedDict(
    "ComparedMetrics",
    {"auc": Compared, "mrr": Compared, "ndcg@5": Compared, "ndcg@10": Compared},
)


class ComparedInGroup(Compared):
    group: Fifth


class ComparedCell(TypedDict):
    recommender: str
    encoder: str
    model: str | None
    tuning: str
    layers: Whole | None
    protocol: str
    runs: Runs
    metrics: ComparedMetrics
    groups: Annotated[list[ComparedInGroup], Len(5, 5)]


class Effect(TypedDict):
    recommender: str
    encoder: str
    model: str | None
    protocol: str
    runs: Runs
    relative_improvement: Finite | None
    ci95: Interval | None
    paper: Finite | None


class Contrast(TypedDict):
    group: Group
    difference: Finite | None
    ci95: Interval | None
    p: Share | None
    p_holm: Share | None
    impressions: Count


class Trend(TypedDict):
    slope: Finite | None
    ci95: Interval | None
    p: Share | None
    p_holm: Share | None


class Contrasts(TypedDict):
    minus: str
    runs: Runs
    groups: list[Contrast]
    trend: Trend


class Family(TypedDict):
    """The largest model against each smaller one, for one recommender, tuning and protocol."""

    recommender: str
    tuning: str
    protocol: str
    encoder: str
    contrasts: list[Contrasts]


class Depth(Compared):
    layers: Count
    runs: Runs


class Best(TypedDict):
    found: Whole
    ci95: tuple[Whole, Whole]
    shares: list[Finite]
    candidates: NotRequired[list[Whole]]


class Curve(TypedDict):
    recommender: str
    encoder: str
    model: str | None
    protocol: str
    curve: list[Depth]
    best: Best | None


class Flip(TypedDict):
    """The effect of one deviation from one protocol."""

    base: str
    deviation: str
    tuning: str
    encoder: str
    untouched: str | None
    auc: Finite | None
    difference: Finite | None
    ci95: Interval | None
    p: Share | None
    p_holm: Share | None


class FlippedClaim(TypedDict):
    claim: str
    base: str
    deviation: str
    found: Finite | None
    ci95: Interval | None
    verdict: Verdict
    changes: bool
    band: NotRequired[Interval | None]
    these_runs: NotRequired[Verdict]
    would_change: NotRequired[bool]


class BaseSeeds(TypedDict):
    """Runs of a base of an audit, and how far apart they are."""

    runs_of_a_base: Count
    runs: Count
    freedom: NotRequired[Count]
    sd: Finite | None
    band: NotRequired[Finite | None]


class AuditedPair(TypedDict):
    pair: str
    recommender: str
    frozen: str
    finetuned: str
    missing: str | None
    bases: dict[str, Finite | None]
    seeds: NotRequired[BaseSeeds | None]
    effects: list[Flip]
    claims: list[FlippedClaim]


class ComparisonFile(TypedDict):
    profile: str
    evidence: bool
    note: str | None
    tolerance: Finite
    tolerance_reason: str
    cells: list[ComparedCell]
    effects: list[Effect]
    cold_start: list[Family]
    sweep: list[Curve]
    audit: list[AuditedPair]
