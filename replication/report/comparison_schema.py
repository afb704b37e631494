"""What claims.json and comparison.json must look like before a page shows them; see `schema`."""

from typing import Annotated, Literal, NotRequired

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


class Part(TypedDict):
    """One of the comparisons that a claim is made of; the kind of claim decides what it holds."""

    recommender: str
    verdict: Verdict
    found: NotRequired[Finite | None]
    ci95: NotRequired[Interval | None]
    reason: NotRequired[str | None]
    tuning: NotRequired[str]
    groups: NotRequired[list["FoundInGroup"]]
    largest_in_group: NotRequired[Whole | None]
    p_holm: NotRequired[Share | None]
    p_group_1_holm: NotRequired[Share | None]
    order: NotRequired[list[str]]
    inversions: NotRequired[Count]
    resolved_inversions: NotRequired[Count]
    a: NotRequired[str]
    b: NotRequired[str]
    measure: NotRequired[str]
    values: NotRequired[dict[str, Finite | None]]
    ci95_naive: NotRequired[Interval | None]
    verdict_naive: NotRequired[Verdict]
    these_runs: NotRequired[Verdict]


class FoundInGroup(TypedDict):
    group: Fifth
    found: Finite | None
    ci95: Interval | None


class Naive(TypedDict):
    """What the same runs would say if impressions were independent."""

    verdict: Verdict
    sign: Verdict | None
    size: Verdict | None
    ci95: Interval | None


class DesignEffect(TypedDict):
    user: Finite
    article: Finite


class Spread(TypedDict):
    """Of an AUC by its seed, measured on repeated runs."""

    sd: Finite
    places: Count
    runs: Count


class Seeds(TypedDict):
    least: Count
    spread: Spread | None


class Power(TypedDict):
    effect: Finite
    now: Share | None
    seeds: Count | None
    impressions: Count | None
    seed_sd: Finite
    measured: bool


class Judged(TypedDict):
    """What became of a claim under one protocol."""

    verdict: Verdict
    reason: str | None
    found: Finite | None
    ci95: Interval | None
    parts: list[Part]
    coverage: Runs
    missing: list[str]
    sign: NotRequired[Verdict | None]
    size: NotRequired[Verdict | None]
    these_runs: NotRequired[Verdict | None]
    naive: NotRequired[Naive | None]
    hangs_on_independence: NotRequired[bool | None]
    design_effect: NotRequired[DesignEffect | None]
    seeds: NotRequired[Seeds | None]
    power: NotRequired[Power | None]
    power_reason: NotRequired[str | None]
    word: NotRequired[str]
    aside: NotRequired[str | None]
    would_decide: NotRequired[str | None]


class Minus(TypedDict):
    """What a claim's sign subtracts; without a model, the same one as on the other side."""

    model: NotRequired[str | None]
    tuning: str


class Claim(TypedDict):
    id: str
    statement: str
    source: str
    confidence: str
    kind: Literal["gain", "depth", "cold_gain", "not_monotone", "sign", "cost"]
    value: Whole | Finite | None
    tolerance: NotRequired[Whole | Finite | None]
    tolerance_reason: str
    value_reason: NotRequired[str]
    reading: NotRequired[str]
    trend: NotRequired[str]
    sign: NotRequired[str]
    minus: NotRequired[Minus]
    recommender: NotRequired[str]
    model: NotRequired[str]
    mean_clicks: NotRequired[Finite]
    sweep: NotRequired[list[Whole]]
    verdicts: dict[str, Judged]


class ClaimsFile(TypedDict):
    profile: str
    evidence: bool
    note: str | None
    models: dict[str, str]
    claims: list[Claim]


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
