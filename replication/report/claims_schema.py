"""What claims.json must look like before a page shows it; see `schema`."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from replication.report.schema import (
    Count,
    Fifth,
    Finite,
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
    stand_ins: NotRequired[dict[str, str]]
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
