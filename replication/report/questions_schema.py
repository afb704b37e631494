"""What questions.json must look like before a page shows it; see `schema`."""

from typing import NotRequired

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from replication.report.schema import Count, Finite, Interval, Runs, Share, Verdict


class Part(TypedDict):
    """One of the comparisons that an answer is made of; numbers in `unit`."""

    what: str
    unit: str
    found: Finite | None
    ci95: Interval | None
    p: Share | None
    p_holm: Share | None
    effect: Finite | None
    small: bool
    verdict: Verdict
    reason: NotRequired[str | None]
    these_runs: NotRequired[Verdict]


class Point(TypedDict):
    line: str
    x: Finite
    y: Finite
    ci95: Interval | None
    impressions: NotRequired[Count]


class Curve(TypedDict):
    """A panel: lines of points, and what its axes show."""

    name: str
    x: str
    y: str
    points: list[Point]


class Deciding(TypedDict):
    """What would decide an answer."""

    effect: Finite
    unit: str
    impressions: Count
    users: Count


class Answer(TypedDict):
    verdict: Verdict
    word: str
    aside: str | None
    reason: str | None
    parts: list[Part]
    curves: list[Curve]
    coverage: Runs
    missing: list[str]
    power: Deciding | None
    would_decide: str | None


class Question(TypedDict):
    id: str
    title: str
    question: str
    source: str
    yes: str
    no: str
    needs: str
    effect: Finite | None
    effect_reason: str
    command: str | None
    answers: dict[str, Answer]


class QuestionsFile(TypedDict):
    profile: str
    demo: bool
    questions: list[Question]
