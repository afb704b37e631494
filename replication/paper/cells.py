"""What has been run, read from the reports; a missing number is None, never 0."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from replication.evaluation.metrics import METRICS
from replication.files import documents
from replication.files.errors import StudyError
from replication.study import paths
from replication.study.grid import Experiment
from replication.study.params import Params
from replication.study.parts import part_called
from replication.study.runs import named

METRIC_NAMES = {"auc": "AUC", "mrr": "MRR", "ndcg@5": "nDCG@5", "ndcg@10": "nDCG@10"}


@dataclass(frozen=True)
class Cell:
    """One run, which is one seed of an experiment, and its files where it has been made.

    encoder, tuning  as the paper has them: an LLM and its adapter are one encoder, frozen and
                     fine-tuned, though the vectors of either are read as they are
    adapter          the adapter's name, where there is one; `adapter_cost` is what it took
    embedding_cost   what stage `embed` took for the vectors of `reads`
    layers           fine-tuned transformer layers; None where no layer is tuned
    part             which part of the layers is tuned, of `study.parts`
    root             the folder of the study that it is of
    name             of its folder under `reports/` and of its Parquet file under `runs/`
    command          what runs it again
    """

    recommender: str
    encoder: str
    tuning: str
    protocol: str
    seed: int
    layers: int | None
    name: str
    command: str
    metrics: dict[str, Any] | None = None
    cost: dict[str, Any] | None = None
    run: dict[str, Any] | None = None
    cold_start: dict[str, Any] | None = None
    adapter: str | None = None
    adapter_cost: dict[str, Any] | None = None
    embedding_cost: dict[str, Any] | None = None
    part: str = "top"
    root: Path = Path()

    @property
    def reads(self) -> str:
        """Our encoder, whose vectors or tokens it reads."""
        return self.adapter or self.encoder

    @property
    def folder(self) -> Path:
        return self.root / paths.REPORTS / self.name

    @property
    def per_impression(self) -> Path:
        """Its Parquet file: `runs/grid` holds what `reports/runs` describes."""
        name = f"{self.name}.parquet"
        inside = f"grid/{name[5:]}" if name.startswith("runs/") else name
        return self.root / paths.IMPRESSIONS / inside


def read_grid(params: Params, root: Path = Path()) -> list[Cell]:
    """`grid_cells` with their files, of the study in the folder `root`.

    Errors: `StudyError` where a file is there but is not JSON, or holds a metric that is no number.
    """
    return [_read(replace(cell, root=root)) for cell in grid_cells(params)]


def read_sweep(params: Params, root: Path = Path()) -> list[Cell]:
    """`sweep_cells` with their files. Errors: as for `read_grid`."""
    return [_read(replace(cell, root=root)) for cell in sweep_cells(params)]


def read_parts(params: Params, root: Path = Path()) -> list[Cell]:
    """`parts_cells` with their files. Errors: as for `read_grid`."""
    return [_read(replace(cell, root=root)) for cell in parts_cells(params)]


def grid_cells(params: Params) -> list[Cell]:
    """Every run of the grid in reading order, made or not; no file is read."""
    return [
        _grid_cell(params, experiment, seed)
        for experiment in params.grid.experiments
        for seed in params.grid.seeds
    ]


def sweep_cells(params: Params) -> list[Cell]:
    """Every run of the layer sweep by recommender and depth, the grid's own depth among them."""
    sweep, grid = params.sweep, params.grid
    encoder = params.registry[sweep.encoder]
    gridded = (
        encoder.layers  # word vectors that train have no depth
        and sweep.encoder in grid.encoders
        and "finetuned" in grid.tunings
        and sweep.protocol in grid.protocols
    )
    own_depth = encoder.finetune_layers if gridded else None

    def place(recommender: str, layers: int, seed: int) -> Cell:
        if layers == own_depth:  # the same experiment: it counts once
            own = Experiment("grid", recommender, sweep.encoder, "finetuned", sweep.protocol)
            return _grid_cell(params, own, seed)
        return Cell(
            recommender, sweep.encoder, "finetuned", sweep.protocol, seed, layers,
            *_named("sweep", recommender, sweep.encoder, "finetuned", layers, sweep.protocol, seed),
        )  # fmt: skip

    depths = sorted({*sweep.layers, *([] if own_depth is None else [own_depth])})
    places = itertools.product(grid.recommenders, depths, grid.seeds)
    return [place(recommender, layers, seed) for recommender, layers, seed in places]


def parts_cells(params: Params) -> list[Cell]:
    """Every run that tunes another part than the top layers, by recommender."""
    parts, seeds = params.parts, params.grid.seeds
    axes = itertools.product(
        parts.recommenders, parts.encoders, parts.tuned, parts.protocols, seeds
    )
    found = []
    for recommender, encoder, tuned, protocol, seed in axes:
        part, layers = part_called(tuned)
        of = recommender, encoder, "finetuned", layers, protocol, seed, part
        names = _named("parts", *of)
        found.append(
            Cell(recommender, encoder, "finetuned", protocol, seed, layers, *names, part=part)
        )
    return found


def every_run(params: Params) -> list[Cell]:
    """Of grid, sweep and parts; the grid's own depth is one of the sweep's."""
    return [*grid_cells(params), *sweep_cells(params), *parts_cells(params)]


def _grid_cell(params: Params, experiment: Experiment, seed: int) -> Cell:
    stage, recommender, encoder, tuning, protocol = experiment
    entry = params.registry[encoder]
    adapter = params.adapters.get(encoder)
    return Cell(
        recommender,
        adapter.base if adapter else encoder,
        "finetuned" if adapter else tuning,
        protocol,
        seed,
        entry.finetune_layers if tuning == "finetuned" and entry.layers else None,
        *_named(stage, recommender, encoder, tuning, None, protocol, seed),
        adapter=encoder if adapter else None,
    )


def _named(stage: str, *axes: Any) -> tuple[str, str]:
    """The folder of a run below reports/, and the command that makes it."""
    name = named(*axes)
    return f"runs/{name}", f"dvc repro {stage}@{name}"


def _read(cell: Cell) -> Cell:
    names = ("metrics", "cost", "run", "cold_start")
    files: dict[str, Any] = {name: read_json(cell.folder / f"{name}.json") for name in names}
    for name in METRICS if files["metrics"] is not None else ():
        number(files["metrics"], name, cell.folder / "metrics.json")
    adapters, embeddings = cell.root / paths.ADAPTERS, cell.root / paths.EMBEDDING_COSTS
    adapter_cost = read_json(adapters / f"{cell.adapter}.json") if cell.adapter else None
    embedding_cost = read_json(embeddings / f"{cell.reads}.json")
    return replace(cell, **files, adapter_cost=adapter_cost, embedding_cost=embedding_cost)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file, None where there is no file; `StudyError` where it is damaged."""
    if not path.exists():
        return None
    try:
        return documents.read_json(path)
    except StudyError as error:
        raise StudyError(f"{error}; run `dvc repro` again") from None


def read_columns(path: Path, columns: Sequence[str], command: str) -> pl.DataFrame:
    """Columns of a Parquet file; `StudyError` naming it where it is missing or damaged."""
    if not path.is_file():
        raise StudyError(f"{path}: no such file; run `{command}`")
    try:
        return pl.read_parquet(path, columns=list(columns))
    except (pl.exceptions.PolarsError, OSError) as error:
        first = str(error).partition("\n")[0]
        raise StudyError(
            f"{path}: not a Parquet file as expected ({first}); run `{command}`"
        ) from None


def number(values: dict[str, Any], key: str, path: Path) -> float | None:
    """A finite number or None (null); `StudyError` for anything else: NaN, a string, no key."""
    if key not in values:
        raise StudyError(f"{path}: {key}: is missing; run `dvc repro` again")
    value = values[key]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise StudyError(f"{path}: {key}: {value!r} is not a finite number; run `dvc repro` again")
    return float(value)
