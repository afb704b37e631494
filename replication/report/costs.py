"""What each experiment took."""

from collections.abc import Sequence
from typing import Any

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

COLUMN_TEXTS = {
    "parameters": "recommender and language model together;",
    "trained": "those that training changes.",
    "batches": "of the training that was kept.",
    "seconds": "the whole experiment, imports excepted, and the encoder's states below the cut "
    "where this was the first to need them; of a run that was cut off and went on, without what "
    "was lost;",
    "of start": "the part that went into the recommender over the frozen encoder, where tuning "
    "begins from it;",
    "of search": "the part that went into finding the learning rate.",
    "articles/s": "candidates and clicks read in training; a distinct article of a batch is "
    "encoded once.",
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
    header = [*EXPERIMENT, *columns, "batches"]
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
