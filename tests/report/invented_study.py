"""A whole study with invented numbers on disk: what `compare` and `report` read.

Impressions hold noise around a mean of each run, so that the stage `compare` can work on them.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from replication.evaluation.cold_start import cold_start
from replication.experiment.flips import audit_runs
from replication.mind.columns.ragged import Ragged, save_array
from replication.paper.cells import METRICS, Cell, read_grid, read_sweep
from replication.paper.models import MODELS
from replication.study import paths
from replication.study.params import Params, load_params
from replication.study.protocol import DEVIATIONS

ROOT = Path(__file__).parents[2]
IMPRESSIONS = 80
MEANS = {"auc": 0.6, "mrr": 0.3, "ndcg@5": 0.31, "ndcg@10": 0.37}


def project(folder: Path, monkeypatch) -> Params:
    """The committed configuration in `folder`, which becomes the working directory."""
    shutil.copytree(ROOT / "conf", folder / "conf")
    shutil.copy(ROOT / "params.yaml", folder)
    monkeypatch.chdir(folder)
    return load_params()


def write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def metrics(**changes) -> dict:
    """metrics.json of a run, or a reference, with intervals 0.01 to either side."""
    values = MEANS | changes
    interval = {name: [values[name] - 0.01, values[name] + 0.01] for name in METRICS}
    return {**values, "impressions": IMPRESSIONS, "tied_share": 0.015, "ci95": interval}


def write_data(ceiling: bool = False) -> None:
    """The data card and the references."""
    split = {
        "impressions": 100, "users": 10, "news": 20, "candidates": 1000, "clicks": 150,
        "history_mean": 3.0, "history_median": 2.0, "candidates_mean": 10.0, "clicks_mean": 1.5,
        "first": "2019-11-09T00:00:00", "last": "2019-11-14T00:00:00",
    }  # fmt: skip
    card = {
        "splits": {"train": split, "test": split}, "articles": 30, "test_only_articles": 5,
        "test_users_unseen_share": 0.5, "categories": 3, "subcategories": 4,
    }  # fmt: skip
    write(paths.DATA_CARD, card)
    known = {"random": metrics(auc=0.5), "popularity": metrics(auc=0.52)}
    last = {"ceiling": metrics(auc=0.7)} if ceiling else {"ceiling": None, "reason": "unknown"}
    write(paths.BASELINES, known | last)


def write_clicks(impressions: int = IMPRESSIONS) -> None:
    """Of the prepared data, what tells users and clicked articles: a pair of candidates each."""
    people = np.random.default_rng(0).integers(impressions // 2, size=impressions)
    folder = paths.PREPARED / "test"
    folder.mkdir(parents=True, exist_ok=True)
    shown = np.random.default_rng(1).integers(1, 30, 2 * impressions)
    Ragged.from_lengths(shown, np.full(impressions, 2)).save(folder, "candidates")
    save_array(folder / "impression_id.npy", np.arange(impressions))
    save_array(folder / "user.npy", people)
    save_array(folder / "labels.npy", np.tile(np.array([1, 0], np.int8), impressions))


def write_runs(
    params: Params,
    wanted: Callable[[Cell], bool] = lambda cell: True,
    auc: Callable[[Cell], float] = lambda cell: MEANS["auc"],
    impressions: int = IMPRESSIONS,
) -> None:
    """The wanted runs of the grid and of the sweep; `auc` is the mean that each is drawn around."""
    write_clicks(impressions)
    cells = {cell.name: cell for cell in (*read_grid(params), *read_sweep(params))}
    for number, cell in enumerate(cells.values()):
        if wanted(cell):
            _write_run(params, cell, auc(cell), number, impressions)


def _write_run(params: Params, cell: Cell, auc: float, number: int, impressions: int) -> None:
    rng, people = np.random.default_rng(number), np.random.default_rng(0)
    users = people.integers(impressions // 2, size=impressions)
    lengths = people.integers(1, 40, impressions // 2)[users]
    groups = 1 + np.searchsorted(np.percentile(lengths, (20, 40, 60, 80)), lengths)
    shared = people.normal(0, 0.1, impressions)  # easy and hard impressions, the same in all runs
    table = {
        name: np.clip(auc - MEANS["auc"] + mean + shared + rng.normal(0, 0.05, impressions), 0, 1)
        for name, mean in MEANS.items()
    }
    columns = {"impression_id": np.arange(impressions), "user": users}
    columns |= {"history_length": lengths.astype(np.int32), "group": groups.astype(np.int8)}
    cell.per_impression.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(columns | table).write_parquet(cell.per_impression)
    found = {name: float(values.mean()) for name, values in table.items()}
    write(cell.folder / "metrics.json", metrics(**found))
    write(cell.folder / "cold_start.json", cold_start(table, lengths, groups, users, 20, 1))
    rank = {params.paper.get(theirs): i for i, theirs in enumerate(MODELS)}
    size = 10 ** (6 + rank.get(cell.encoder, 0) / 4)
    write(cell.folder / "cost.json", {
        "parameters": round(size), "trainable_parameters": 1234 + number, "seconds": 9.87,
        "search_seconds": 2.5, "training_seconds": 5.0, "test_seconds": 1.0,
        "articles_per_second": 1500.0, "peak_memory_mib": 900.4, "peak_gpu_memory_mib": None,
    })  # fmt: skip
    write(cell.folder / "run.json", {
        "profile": params.profile,
        "started": "2026-01-01T00:00:00", "ended": "2026-01-01T00:00:10", "precision": "fp32",
        "hardware": {"processor": "A CPU", "cores": 2, "memory_gib": 8.0, "gpu": None},
        "libraries": {"torch": "1"}, "training": {"steps": 7, "samples": 70, "search": []},
        "checkpoint": {"encoder": cell.encoder, "sha256": {"model.safetensors": "ab" * 32}},
    })  # fmt: skip


def write_audit(params: Params, impressions: int = IMPRESSIONS) -> None:
    """The audit of every pair: each deviation costs the more AUC the higher its number is."""
    write_clicks(impressions)
    for pair in params.audit.pairs:
        runs, columns = {}, {}
        every = replace(params, audit=replace(params.audit, deviations=None))
        for one in audit_runs(every, pair):
            number = ("none", *DEVIATIONS).index(one.flip)
            noise = np.random.default_rng([number, one.cell.seed])
            values = 0.62 - number / 500 + noise.normal(0, 0.05, impressions)
            runs[one.key] = {
                "base": one.base, "deviation": one.flip, "tuning": one.tuning,
                "seed": one.cell.seed,
                "recommender": one.cell.recommender, "encoder": one.cell.encoder,
                "untouched": one.untouched, "seconds": None if one.untouched else 3.0,
                "auc": None if one.untouched else float(values.mean()),
            }  # fmt: skip
            if not one.untouched:
                columns[one.key] = values
        table = paths.IMPRESSIONS / "audit" / f"{pair}.parquet"
        table.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(columns).write_parquet(table)
        write(paths.AUDIT / f"{pair}.json", {"pair": pair, "runs": runs})
