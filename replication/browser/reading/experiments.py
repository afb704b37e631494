"""An experiment, over all its seeds: our figure, the paper's, and the verdict."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isclose
from typing import Any

from replication.browser.reading.runs import READY, Run, State
from replication.paper import verdict
from replication.paper.main_table import TOLERANCE
from replication.paper.values import PaperCell, Value
from replication.report.costs import mean

# Of an experiment's runs the first of these words is its own: damage is told before all else.
ORDER = ("unreadable", "running", "stale")


@dataclass(frozen=True)
class Figure:
    """One metric of an experiment.

    ours        mean over the seeds that are there; None without any
    ci95        over impressions and seeds, as `compare` found it; of a single run, its own
    difference  ours - paper
    verdict     one word of the vocabulary; reason: why it is no judgement, where it is none
    """

    ours: float | None
    ci95: tuple[float, float] | None
    paper: float | None
    source: str | None
    difference: float | None
    verdict: str
    reason: str | None


@dataclass(frozen=True)
class Experiment:
    """An experiment over all its seeds.

    model     the paper's name of its language model; None where the paper has none such
    compared  what comparison.json says of it, by metric and group (None: all users)
    values    the paper's own figures that are known
    swept     whether it is a depth of the layer sweep, whose figures the paper prints by depth
    unasked   whether params.yaml asks for none of its runs
    """

    recommender: str
    encoder: str
    tuning: str
    protocol: str
    layers: int | None
    model: str | None
    runs: tuple[Run, ...]
    compared: Mapping[tuple[str, int | None], dict[str, Any]] = field(default_factory=dict)
    values: Mapping[PaperCell, Value] = field(default_factory=dict)
    swept: bool = False
    unasked: bool = False

    @property
    def key(self) -> str:
        """Its name in a link, such as nrms-minilm-finetuned-k2-clean."""
        depth = [] if self.layers is None else [f"k{self.layers}"]
        aside = ["unasked"] if self.unasked else []
        parts = [self.recommender, self.encoder, self.tuning, *depth, self.protocol, *aside]
        return "-".join(parts)

    @property
    def done(self) -> list[Run]:
        """Its runs that have metrics."""
        return [run for run in self.runs if run.files["metrics"].content is not None]

    @property
    def complete(self) -> bool:
        """Whether every seed is there, readable and up to date: only then is it ranked."""
        return self.state().word == READY

    def state(self, kind: str = "metrics") -> State:
        """`ready`, or what stands in the way, as its runs' files of one kind tell it."""
        states = [run.state(kind) for run in self.runs]
        for first in ORDER:
            if reasons := [state.reason for state in states if state.word == first]:
                return State(first, reasons[0])
        missing = [state for state in states if state.word == "not run"]
        word = verdict.coverage(len(states) - len(missing), len(states))
        return State(word, missing[0].reason) if missing and word else State(READY)

    def figure(self, metric: str, group: int | None = None) -> Figure:
        """One metric, of all users or of one of the five groups."""
        kind = "metrics" if group is None else "cold_start"
        known = self.compared.get((metric, group), {})
        ours = mean([_value(run, metric, group) for run in self.done])
        depth = self.layers if self.swept else None
        value = self.values.get(
            PaperCell(self.recommender, self.model, self.tuning, depth, group, metric)
        )
        paper = None if value is None else value.value
        difference = None if ours is None or paper is None else ours - paper
        word, reason = self.state(kind)
        if word == READY:
            word = verdict.of_value(ours, paper, TOLERANCE)
            reason = _unjudged(word, metric)
        source = None if value is None else value.source
        return Figure(ours, self._interval(metric, group, ours, known), paper, source,
                      difference, word, reason)  # fmt: skip

    def _interval(
        self, metric: str, group: int | None, ours: float | None, known: Mapping[str, Any]
    ) -> tuple[float, float] | None:
        if ours is None:
            return None
        pooled = known.get("ours")
        if pooled is not None and isclose(pooled, ours, rel_tol=1e-9):
            return known["ci95"]
        if len(self.done) == 1:
            return _values(self.done[0], group)["ci95"].get(metric)
        return None  # `compare` has not seen these runs: their interval is not known


def _values(run: Run, group: int | None) -> dict[str, Any]:
    if group is None:
        return run.files["metrics"].content or {"ci95": {}}
    found = run.files["cold_start"].content
    rows = found["groups"] if found else ()
    return next((row for row in rows if row["group"] == group), {"ci95": {}})


def _value(run: Run, metric: str, group: int | None) -> float | None:
    return _values(run, group).get(metric)


def _unjudged(word: str, metric: str) -> str | None:
    return {
        "no paper value": "the paper's tables have not been imported: "
        "`python -m replication paper import FILE`",
        "not testable": f"{metric} is not defined on these impressions",
    }.get(word)


def group_runs(
    runs: Iterable[Run],
    models: Mapping[str, str],
    values: Mapping[PaperCell, Value],
    compared: Mapping[tuple, Mapping[tuple[str, int | None], dict[str, Any]]],
    swept: bool = False,
    unasked: bool = False,
) -> tuple[Experiment, ...]:
    """Experiments in the order of their first runs.

    models    our encoder -> the paper's name of it
    compared  (recommender, encoder, tuning, protocol, layers) -> `Experiment.compared`
    swept, unasked  of all of them
    """
    found: dict[tuple[str, str, str, str, int | None], list[Run]] = {}
    for run in runs:
        cell = run.cell
        key = (cell.recommender, cell.encoder, cell.tuning, cell.protocol, cell.layers)
        found.setdefault(key, []).append(run)
    return tuple(
        Experiment(
            *key,
            model=models.get(key[1]),
            runs=tuple(of),
            compared=compared.get(key, {}),
            values=values,
            swept=swept,
            unasked=unasked,
        )
        for key, of in found.items()
    )
