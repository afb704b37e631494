"""The grid's results as rows, read from reports/runs; a missing number is None, never 0."""

import itertools
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replication import paths
from replication.errors import StudyError
from replication.params import Params

METRICS = ("auc", "mrr", "ndcg@5", "ndcg@10")
METRIC_NAMES = {"auc": "AUC", "mrr": "MRR", "ndcg@5": "nDCG@5", "ndcg@10": "nDCG@10"}


@dataclass(frozen=True)
class Cell:
    """One reported experiment: its place in the grid, and its files where it has been run."""

    recommender: str
    encoder: str
    tuning: str
    protocol: str
    seed: int
    metrics: dict[str, Any] | None
    cost: dict[str, Any] | None
    run: dict[str, Any] | None

    @property
    def folder(self) -> Path:
        parts = [self.recommender, self.encoder, self.tuning, self.protocol, f"s{self.seed}"]
        return paths.RUNS / "-".join(parts)


def read_grid(params: Params) -> list[Cell]:
    """Every cell of the grid in reading order, run or not.

    Errors: `StudyError` where a file is there but is not JSON, or holds a metric that is no number.
    """
    grid = params.grid
    cells = [
        *itertools.product(grid.recommenders, grid.encoders, grid.tunings),
        *itertools.product(grid.recommenders, grid.llms, ["frozen"]),
    ]
    order = {name: i for i, name in enumerate(grid.recommenders)}
    found = [
        _read_cell(*cell, protocol, seed)
        for cell, protocol, seed in itertools.product(cells, grid.protocols, grid.seeds)
    ]
    return sorted(found, key=lambda cell: order[cell.recommender])


def _read_cell(*place: Any) -> Cell:
    cell = Cell(*place, metrics=None, cost=None, run=None)
    files = {name: read_json(cell.folder / f"{name}.json") for name in ("metrics", "cost", "run")}
    for name in METRICS if files["metrics"] else ():
        number(files["metrics"], name, cell.folder / "metrics.json")
    return Cell(*place, **files)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file, None where there is no file; `StudyError` where it is damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise StudyError(f"{path}: not valid JSON ({error}); run `dvc repro` again") from None
    if not isinstance(value, dict):
        raise StudyError(f"{path}: expected a JSON object; run `dvc repro` again")
    return value


def number(values: dict[str, Any], key: str, path: Path) -> float | None:
    """A finite number or None; `StudyError` for anything else, such as NaN or a string."""
    value = values.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise StudyError(f"{path}: {key}: {value!r} is not a finite number; run `dvc repro` again")
    return float(value)
