"""What each experiment took."""

from collections.abc import Callable, Sequence
from typing import Any

from replication.paper.cells import Cell
from replication.paper.run_costs import device_seconds, operations, seconds_a_sample
from replication.report.study import EXPERIMENT, Study
from replication.report.tables import Field, Number, Table

# Column -> key of cost.json, format.
MEANS = {
    "parameters": ("parameters", ",.0f"),
    "trained": ("trainable_parameters", ",.0f"),
    "seconds": ("seconds", ",.1f"),
    "of start": ("start_seconds", ",.1f"),
    "of search": ("search_seconds", ",.1f"),
    "articles/s": ("articles_per_second", ",.0f"),
    "peak MiB": ("peak_memory_mib", ",.0f"),
    "GPU MiB": ("peak_gpu_memory_mib", ",.0f"),
}

# Column -> what it is of a run and of what was done for it before, by what unit, format.
WHOLE: dict[str, tuple[Callable[[Cell], float | None], float, str]] = {
    "MFLOP/sample": (operations, 1e-6, ",.2f"),
    "ms/sample": (seconds_a_sample, 1e3, ",.2f"),
    "device s": (device_seconds, 1.0, ",.1f"),
}


def form_of(column: str) -> str:
    """The format of a column's figures."""
    return WHOLE[column][2] if column in WHOLE else MEANS[column][1]


def whole_cost(column: str, cell: Cell) -> float | None:
    """Of a column of WHOLE, in its unit; None where a part is not known."""
    of, unit, _ = WHOLE[column]
    value = of(cell)
    return None if value is None else value * unit


COLUMN_TEXTS = {
    "parameters": "recommender and language model together;",
    "trained": "those that training changes.",
    "batches": "of the training that was kept.",
    "seconds": "the whole experiment, but for imports and for the encoder's states that it reads; "
    "of a run that was cut off and went on, without what was lost;",
    "of start": "the part that went into the recommender over the frozen encoder, where tuning "
    "begins from it;",
    "of search": "the part that went into finding the learning rate.",
    "articles/s": "candidates and clicks read in training; a distinct article of a batch is "
    "encoded once.",
    "MFLOP/sample": "millions of floating-point operations for a training sample, which is a click "
    "with its negatives, forward and backward, counted on one batch; an adapter's are added.",
    "ms/sample": "of training, validations included; an adapter's training is added.",
    "device s": "seconds of all devices: of the run, of making the states that it reads, of "
    "embedding all articles where it reads that, and of an adapter's training, each counted in "
    "every run that needs it.",
    "peak MiB": "most memory that the process held.",
}
MACHINE_TEXT = "The figures depend on the machine and on what else it did."
COST_TEXT = " ".join(
    [*(f"*{column}*: {text}" for column, text in COLUMN_TEXTS.items()), MACHINE_TEXT]
)


def cost_table(study: Study) -> Table:
    """A row per experiment, the mean over its seeds; runs without a figure count as unknown."""
    gpu = any(cell.cost and cell.cost.get("peak_gpu_memory_mib") for cell in study.cells)
    columns = {name: c for name, c in MEANS.items() if gpu or name != "GPU MiB"}
    header = [*EXPERIMENT, *columns, *WHOLE, "batches"]
    rows: list[list[Field]] = []
    for experiment, cells in study.experiments.items():
        ran = [cell for cell in cells if cell.cost]
        absent = "unknown" if ran else "not run"
        numbers = [
            Number(
                mean([cell.cost.get(key) for cell in ran if cell.cost]), form=form, absent=absent
            )
            for key, form in columns.values()
        ]
        numbers += [
            Number(
                mean([whole_cost(name, cell) for cell in ran]), form=form_of(name), absent=absent
            )
            for name in WHOLE
        ]
        steps = mean([cell.run["training"]["steps"] if cell.run else None for cell in ran])
        numbers.append(Number(steps, form=",.0f", absent=absent))
        rows.append([*experiment, *numbers])
    caption = "Cost of each experiment, mean over seeds."
    return Table("cost", caption, "dvc repro report", header, rows, text_columns=4)


def mean(values: Sequence[float | None]) -> float | None:
    """None where a value is unknown, or where there is none."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def quality_points(study: Study) -> list[dict[str, Any]]:
    """Parameters, AUC and its interval of every experiment that has been run, for the figure."""
    rows = cost_table(study).rows
    sizes = {tuple(row[:4]): row[4].value for row in rows if isinstance(row[4], Number)}
    points = []
    for cell in study.comparison["cells"]:
        experiment = tuple(cell[key] for key in EXPERIMENT)
        auc = cell["metrics"]["auc"]
        if auc["ours"] is not None and sizes.get(experiment):
            low, high = auc["ci95"]
            point = {"parameters": sizes[experiment], "auc": auc["ours"], "low": low, "high": high}
            points.append(dict(zip(EXPERIMENT, experiment, strict=True)) | point)
    return points
