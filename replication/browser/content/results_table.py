"""The rows of the page Results: every experiment, its rank, and what runs it again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from replication.browser.content.rerun import Choice, command
from replication.browser.reading.experiments import Experiment, Figure
from replication.browser.reading.runs import Run
from replication.browser.reading.study import Study
from replication.browser.words import counted, signed, tally
from replication.paper.cells import METRIC_NAMES
from replication.paper.main_table import TOLERANCE
from replication.paper.words import kind_of
from replication.report.names import encoder_name, recommender_name, tuning_name
from replication.report.study import COMPARED
from replication.report.tables import Number, Table
from replication.study.params import Params

FILTERS = ("recommender", "encoder", "tuning", "protocol", "verdict")
TEXT_COLUMNS = 7


@dataclass(frozen=True)
class Row:
    """An experiment over all its seeds, by one metric.

    swept    a depth of the layer sweep that the grid does not hold
    rank     1 is the best of its recommender and protocol; None where it is not ranked
    command  runs all its seeds again; None where there is no such command
    """

    experiment: Experiment
    figure: Figure
    swept: bool
    command: str | None
    rank: int | None = None

    def value(self, name: str) -> str:
        """What a filter, one of `FILTERS`, reads of it."""
        return kind_of(self.figure.verdict) if name == "verdict" else getattr(self.experiment, name)


def rows_of(study: Study, metric: str) -> list[Row]:
    """Every experiment of the grid and the sweep, run or not, by recommender, then as the grid.

    Ranks are among the experiments of the grid that are complete and up to date.
    """
    grid = {experiment.key for experiment in study.grid}
    depths = [experiment for experiment in study.sweep if experiment.key not in grid]
    recommenders = list(dict.fromkeys(p.recommender for p in (*study.grid, *depths)))
    rows = [
        Row(
            experiment,
            experiment.figure(metric),
            swept,
            whole_command(study.params.content, experiment),
        )
        for swept, experiments in ((False, study.grid), (True, depths))
        for experiment in experiments
    ]
    rows.sort(key=lambda row: recommenders.index(row.experiment.recommender))
    return _ranked(rows)


def _ranked(rows: Sequence[Row]) -> list[Row]:
    """Equal figures share a rank."""
    values: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if (own := _ranked_by(row)) is not None:
            values.setdefault(_field(row), []).append(own)
    return [
        row
        if (own := _ranked_by(row)) is None
        else replace(row, rank=1 + sum(other > own for other in values[_field(row)]))
        for row in rows
    ]


def _ranked_by(row: Row) -> float | None:
    return row.figure.ours if not row.swept and row.experiment.complete else None


def _field(row: Row) -> tuple[str, str]:
    return row.experiment.recommender, row.experiment.protocol


def run_command(params: Params | None, run: Run) -> str | None:
    """What makes one run again: its stage, or the experiment that it was where it has none."""
    cell = run.cell
    if "@" in cell.command:
        return cell.command
    if params is None:
        return None
    names = cell.recommender, cell.encoder, cell.tuning, cell.protocol
    return command(params, Choice(*names, cell.seed, cell.layers))


def whole_command(params: Params | None, experiment: Experiment) -> str | None:
    """One line that makes all runs of an experiment again; None where not all can be."""
    found = [line for run in experiment.runs if (line := run_command(params, run))]
    if len(found) < len(experiment.runs):
        return None
    stages = [line.removeprefix("dvc repro ") for line in found if line.startswith("dvc repro ")]
    others = [line for line in found if not line.startswith("dvc repro ")]
    return " && ".join([*(["dvc repro " + " ".join(stages)] if stages else []), *others])


def kept(rows: Iterable[Row], wanted: Mapping[str, Sequence[str]]) -> list[Row]:
    """The rows that a filter lets through; one that names nothing lets all through."""
    return [
        row
        for row in rows
        if all(row.value(name) in values for name, values in wanted.items() if values)
    ]


def table_of(rows: Sequence[Row], metric: str) -> Table:
    """The rows with all that stands on the page, and the command of each."""
    name = METRIC_NAMES[metric]
    header = [
        "recommender", "encoder", "tuning", "layers", "protocol", "verdict", "seeds",
        "rank", name, "paper", "difference", "tolerance", "reason", "command",
    ]  # fmt: skip
    return Table(
        "results-" + metric.replace("@", "-"),
        f"{name} on the test split, mean over impressions and seeds, with 95 % intervals; the "
        "paper's, and the difference (ours - paper). Rank: within recommender and protocol.",
        COMPARED,
        header,
        [_cells(row) for row in rows],
        TEXT_COLUMNS,
    )


def _cells(row: Row) -> list[str | Number]:
    experiment, figure = row.experiment, row.figure
    absent = figure.verdict if figure.ours is None else "no paper value"
    return [
        experiment.recommender,
        experiment.encoder,
        experiment.tuning,
        "" if experiment.layers is None else str(experiment.layers),
        experiment.protocol,
        signed(figure.verdict),
        f"{len(experiment.done)}/{len(experiment.runs)}",
        Number(row.rank, form="d", absent=""),
        Number(figure.ours, figure.ci95, absent=figure.verdict),
        Number(figure.paper, absent="no paper value"),
        Number(figure.difference, form="+.4f", absent=absent),
        Number(TOLERANCE),
        figure.reason or "",
        row.command or "none",
    ]


def answer(rows: Sequence[Row], metric: str) -> str:
    """Which model does best with which recommender, and how far it all is from the paper."""
    best = [row for row in rows if row.rank == 1]
    lines = []
    for protocol in dict.fromkeys(row.experiment.protocol for row in best):
        parts = [
            f"{recommender_name(of.recommender)} does best with {encoder_name(of.encoder)} "
            f"{tuning_name(of.tuning)} ({row.figure.ours:.4f})"
            for row in best
            if (of := row.experiment).protocol == protocol
        ]
        lines.append(f"By {METRIC_NAMES[metric]} under {protocol}, {'; '.join(parts)}.")
    if not lines:
        lines.append(
            "No experiment of the grid is complete and up to date: there is nothing to rank."
        )
    differences = [r.figure.difference for r in rows if r.figure.difference is not None]
    counts = tally(row.figure.verdict for row in rows)
    lines.append(f"{counted(len(rows), 'experiment')}: {counts or 'none'}.")
    if differences:
        lines.append(f"Ours - paper: {min(differences):+.4f} to {max(differences):+.4f}.")
    return " ".join(lines)


def references(study: Study, metric: str) -> dict[str, Number]:
    """Random, popularity and ceiling, where they are known."""
    found = study.baselines.content or {}
    return {
        name: Number(found[name][metric], found[name]["ci95"][metric])
        for name in ("random", "popularity", "ceiling")
        if found.get(name)
    }


def references_text(study: Study, metric: str) -> str:
    """The references in a sentence, or why there is none."""
    known = references(study, metric)
    if not known:
        reason = study.baselines.problem or "run `dvc repro baselines`"
        return f"References are not known: {reason}."
    listed = ", ".join(f"{name} {number}" for name, number in known.items())
    text = f"References, which are not ranked: {listed}."
    if "ceiling" not in known:
        told = study.baselines.content or {}
        text += f" There is no ceiling: {told.get('reason', 'not known')}."
    if stale := study.stale("baselines"):
        text += f" They are stale: {stale}."
    return text
