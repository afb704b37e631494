"""The main table: every experiment of the grid, beside the paper's value where there is one."""

from collections.abc import Sequence
from typing import Any

from replication.evaluation.metrics import METRICS
from replication.paper.cells import METRIC_NAMES, Cell
from replication.paper.words import with_sign
from replication.report.study import COMPARED, EXPERIMENT, Study
from replication.report.tables import Field, Number, Table

REFERENCES = ("random", "popularity", "ceiling")


def results_table(study: Study, intervals: Sequence[str] = METRICS) -> Table:
    """Recommender x encoder x tuning x protocol, the mean over seeds; references first.

    `intervals` are the metrics that are shown with theirs.
    """
    cells = study.comparison["cells"]
    known = [m for m in METRICS if any(c["metrics"][m]["paper"] is not None for c in cells)]
    header = [*EXPERIMENT, "runs"]
    for metric in METRICS:
        name = METRIC_NAMES[metric]
        header += [name, f"{name}, paper", f"{name}, verdict"] if metric in known else [name]
    rows: list[list[Field]] = []
    for name in REFERENCES:
        if found := study.baselines.get(name):
            row: list[Field] = [name, "", "", "", ""]
            for metric in METRICS:
                row.append(_number(found[metric], found["ci95"][metric], metric in intervals))
                row += ["", ""] if metric in known else []
            rows.append(row)
    rows += [_row(cell, known, intervals) for cell in cells]
    caption = "Metrics on the test split, mean over impressions and seeds, with 95 % intervals."
    return Table("results", caption, COMPARED, header, rows, text_columns=5)


def _row(cell: dict[str, Any], known: Sequence[str], intervals: Sequence[str]) -> list[Field]:
    ran, of = cell["runs"]
    row: list[Field] = [*(cell[key] for key in EXPERIMENT), f"{ran}/{of}"]
    for metric in METRICS:
        found = cell["metrics"][metric]
        absent = "undefined" if ran else "not run"
        row.append(_number(found["ours"], found["ci95"], metric in intervals, absent))
        if metric in known:
            row.append(Number(found["paper"], absent="no paper value"))
            row.append(with_sign(found["verdict"]))
    return row


def _number(
    value: float | None, interval: Sequence[float] | None, shown: bool, absent: str = "undefined"
) -> Number:
    return Number(value, interval if shown else None, absent=absent)


def results_text(study: Study) -> list[str]:
    """What stands under the table."""
    cells = study.comparison["cells"]
    metrics = [metric for cell in cells for metric in cell["metrics"].values()]
    known = sum(metric["paper"] is not None for metric in metrics)
    imported = (
        "Its tables are filled in by hand: `python -m replication paper template FILE` writes the "
        "cells to fill in, `python -m replication paper import FILE` checks and takes them."
    )
    if known:
        sources = dict.fromkeys(metric["source"] for metric in metrics if metric["source"])
        paper = (
            f"The paper: {known} of {len(metrics)} cells have its value ({'; '.join(sources)}). "
            f"{imported} Tolerance: {study.comparison['tolerance']:g}. "
            f"{study.comparison['tolerance_reason']}"
        )
    else:
        paper = f"The paper: no paper value in any of the {len(metrics)} cells. {imported}"
    ceiling = (
        "*ceiling* ranks by the true click probabilities that the generator kept: no model can do "
        "better, but by chance."
        if study.baselines.get("ceiling")
        else f"There is no ceiling: {study.baselines.get('reason', 'it is not known')}."
    )
    return [
        paper,
        "*runs*: seeds that have been run, of those there should be; each is run again by "
        "`dvc repro grid@RECOMMENDER-ENCODER-TUNING-PROTOCOL-sSEED`, and with a large language "
        "model by `dvc repro grid-llm@RECOMMENDER-ENCODER-frozen-PROTOCOL-sSEED`. "
        "*random* scores are random numbers, *popularity* is an article's clicks in training. "
        f"{ceiling} Among equal scores the later candidate comes first; {_ties(study.done)}",
    ]


def _ties(done: Sequence[Cell]) -> str:
    given = [cell.metrics["tied_share"] for cell in done if cell.metrics]
    shares = [share for share in given if share is not None]
    if not shares:
        return "no experiment has been run."
    return f"at most {100 * max(shares):.1f} % of an experiment's impressions hold a tie."
