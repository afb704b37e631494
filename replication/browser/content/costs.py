"""What each experiment of the grid took, what it reached, and which no other beats in both."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from replication.browser.content.run_costs import adapter_of, cost_of
from replication.browser.names import experiment_name
from replication.browser.reading.experiments import Experiment, Figure
from replication.browser.words import counted
from replication.files.readable import File
from replication.paper.cells import METRIC_NAMES
from replication.report.costs import form_of
from replication.report.expected import duration
from replication.report.names import encoder_name, processor_name, recommender_name, tuning_name
from replication.report.study import EXPERIMENT
from replication.report.tables import Field, Number, Table

SEVERAL, UNKNOWN = "several kinds of hardware", "unknown hardware"
MADE_BY = "dvc repro grid grid-llm also also-llm"


@dataclass(frozen=True)
class Measure:
    """A cost to choose.

    column      its column of the report's table, which knows its key in cost.json, or what it is
                of a run and of what was done before it
    title       of the axis
    by_machine  whether it can be compared on like hardware only
    said        a value in a sentence
    """

    column: str
    title: str
    by_machine: bool
    said: Callable[[float], str]


MEASURES = {
    "parameters": Measure("parameters", "parameters", False, "{:,.0f} parameters".format),
    "trained": Measure(
        "trained", "trained parameters", False, "{:,.0f} trained parameters".format
    ),
    "seconds": Measure("seconds", "seconds of the whole run", True, duration),
    "operations": Measure(
        "MFLOP/sample", "MFLOP a training sample", False, "{:,.2f} MFLOP a sample".format
    ),
    "pace": Measure("ms/sample", "ms a training sample", True, "{:,.2f} ms a sample".format),
    "device": Measure("device s", "seconds of all devices, embedding included", True, duration),
    "memory": Measure("peak MiB", "peak memory, MiB", True, "{:,.0f} MiB at the peak".format),
    "gpu": Measure("GPU MiB", "peak memory of the GPU, MiB", True, "{:,.0f} MiB of GPU".format),
}  # fmt: skip


@dataclass(frozen=True)
class Point:
    """An experiment as the chart has it: its costs by measure (mean over its seeds) and one metric.

    reasons  by measure, why a cost is not known
    machine  what its runs and its adapter ran on; SEVERAL or UNKNOWN, which compare with nothing
    ranked   whether every seed is there, readable and up to date
    """

    experiment: Experiment
    figure: Figure
    costs: Mapping[str, float | None]
    reasons: Mapping[str, str | None]
    machine: str
    ranked: bool

    def absence(self, measure: str) -> str | None:
        """Why it cannot be drawn; None where it can."""
        if not self.experiment.done:
            return self.experiment.state().reason
        if self.figure.ours is None:
            return self.figure.reason or "the metric is undefined on some of its runs"
        cost = self.costs[measure]
        if cost is not None and cost <= 0:
            return f"{cost:g} cannot stand on a log axis"
        return self.reasons[measure]

    def at(self, measure: str) -> tuple[float, float]:
        """Its cost and its quality. Errors: `ValueError` where it cannot be drawn."""
        cost, quality = self.costs[measure], self.figure.ours
        if cost is None or quality is None:
            raise ValueError(f"{self.name} cannot be drawn: {self.absence(measure)}")
        return cost, quality

    @property
    def name(self) -> str:
        """Such as `NRMS with MiniLM, frozen`."""
        of = self.experiment
        return (
            f"{recommender_name(of.recommender)} with {encoder_name(of.encoder)}, "
            f"{tuning_name(of.tuning)}"
        )


def read_points(
    experiments: Sequence[Experiment],
    adapters: Mapping[str, File],
    metric: str,
    embeddings: Mapping[str, File] | None = None,
) -> tuple[Point, ...]:
    """adapters: what the training of each took; embeddings: what embedding by each encoder took.
    Like claim C8, a run on an adapter's vectors counts the training of the adapter as its own."""
    points = []
    for experiment in experiments:
        found = {
            name: cost_of(experiment, measure.column, adapters, embeddings or {})
            for name, measure in MEASURES.items()
        }
        points.append(
            Point(
                experiment,
                experiment.figure(metric),
                {name: value for name, (value, _) in found.items()},
                {name: reason for name, (_, reason) in found.items()},
                _machine(experiment, adapters),
                experiment.complete,
            )
        )
    return tuple(points)


def known_measures(points: Sequence[Point]) -> tuple[str, ...]:
    """Those to choose from: the GPU's memory only where some run has used one."""
    used = any(point.costs["gpu"] is not None for point in points)
    return tuple(name for name in MEASURES if used or name != "gpu")


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points (cost, quality) that no other beats, the cheapest first: none is at
    least as good in both and better in one."""
    line: list[int] = []
    for i in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1])):
        if not line or points[i][1] > points[line[-1]][1] or points[i] == points[line[-1]]:
            line.append(i)
    return line


def front_lines(points: Sequence[Point], measure: str) -> dict[str | None, list[Point]]:
    """The Pareto line of the experiments that are ranked: one of each machine where the measure
    depends on it; otherwise one, under None."""
    groups: dict[str | None, list[Point]] = {}
    for point in points:
        machine = point.machine if MEASURES[measure].by_machine else None
        if point.ranked and not point.absence(measure) and machine not in (SEVERAL, UNKNOWN):
            groups.setdefault(machine, []).append(point)
    return {
        machine: [of[i] for i in front([p.at(measure) for p in of])]
        for machine, of in groups.items()
    }


def answer(points: Sequence[Point], measure: str, metric: str) -> str:
    """The page's question answered in a sentence or two."""
    lines = front_lines(points, measure)
    line = [point for of in lines.values() for point in of]
    if not line:
        return (
            "No experiment has every seed run, up to date and with its cost: nothing is ranked yet."
        )
    said, name = MEASURES[measure].said, METRIC_NAMES[metric]
    best = max(line, key=lambda point: point.at(measure)[1])
    cost, quality = best.at(measure)
    text = f"The best {name} ({quality:.4f}: {best.name}) is reached with {said(cost)}. "
    if len(lines) > 1:
        return text + f"{_share(line, points)} a Pareto line, one of each kind of hardware."
    first = line[0]
    text += f"{_share(line, points)} the Pareto line"
    if first is not best:
        cost, quality = first.at(measure)
        text += f"; its cheapest, {first.name}, reaches {quality:.4f} with {said(cost)}"
    return text + "."


def _share(line: Sequence[Point], points: Sequence[Point]) -> str:
    lie = "lies" if len(line) == 1 else "lie"
    return f"{len(line)} of {counted(len(points), 'experiment')} {lie} on"


def costs_table(points: Sequence[Point], measure: str, metric: str) -> Table:
    """A row per experiment, the cheapest first; one without a figure says why."""
    line = {p.experiment.key for of in front_lines(points, measure).values() for p in of}
    names = known_measures(points)
    rows: list[list[Field]] = []
    for point in sorted(
        points, key=lambda p: (p.absence(measure) is not None, p.costs[measure] or 0)
    ):
        experiment, figure = point.experiment, point.figure
        word = experiment.state().word if not experiment.done else "unknown"
        costs = [
            Number(point.costs[name], form=form_of(MEASURES[name].column), absent=word)
            for name in names
        ]
        rows.append(
            [
                *(getattr(experiment, name) for name in EXPERIMENT),
                "yes" if experiment.key in line else "no",
                Number(figure.ours, figure.ci95, absent="undefined" if experiment.done else word),
                *costs,
                experiment.state().word,
                point.machine if experiment.done else "",
            ]
        )
    columns = [MEASURES[name].column for name in names]
    header = [*EXPERIMENT, "Pareto", METRIC_NAMES[metric], *columns, "state", "hardware"]
    caption = (
        f"{METRIC_NAMES[metric]} and cost of each experiment, mean over seeds, with the "
        f"adapter's training where there is one. Pareto: no other is better and takes fewer or as "
        f"many {MEASURES[measure].title}."
    )
    return Table("quality-and-cost", caption, MADE_BY, header, rows, text_columns=5)


def left_out(points: Sequence[Point], measure: str) -> Table | None:
    """Experiments that are not drawn, each with the reason; None where there are none."""
    rows = [
        [experiment_name(point.experiment), point.experiment.state().word, reason]
        for point in points
        if (reason := point.absence(measure))
    ]
    if not rows:
        return None
    caption = f"Not drawn: {MEASURES[measure].title} or the metric is not known."
    return Table(
        "without-cost", caption, MADE_BY, ["experiment", "state", "reason"], rows, text_columns=3
    )


def _machine(experiment: Experiment, adapters: Mapping[str, File]) -> str:
    files = [run.files["run"] for run in experiment.done]
    files += [file for run in experiment.done if (file := adapter_of(run, adapters))]
    names = {machine_name((file.content or {}).get("hardware")) for file in files}
    if not names or UNKNOWN in names:
        return UNKNOWN
    return names.pop() if len(names) == 1 else SEVERAL


def machine_name(hardware: Mapping[str, Any] | None) -> str:
    """GPU, processor and cores, by which kinds of hardware are told apart."""
    hardware = hardware or {}
    processor, cores, gpu = processor_name(hardware), hardware.get("cores"), hardware.get("gpu")
    if not processor and not gpu:
        return UNKNOWN
    parts = [gpu, processor or "unknown processor", counted(cores, "core") if cores else None]
    return ", ".join(part for part in parts if part)
