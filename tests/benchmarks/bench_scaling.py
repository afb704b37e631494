"""How time and memory grow as the data grow tenfold, up to MIND-small's shape.

`python -m pytest tests/benchmarks/bench_scaling.py`

Each piece of work runs in a fresh process for each size; what it found stands in `points`, of which
the benchmark report draws its figure.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from measuring import peak_of
from mind_files import write_mind
from stored_nrms import HISTORY, parameters, stored_nrms, train_steps, write_vectors

from replication.evaluation.cold_start import HALVES, cold_start, user_groups
from replication.evaluation.intervals import bootstrap_ci
from replication.evaluation.metrics import METRICS, impression_metrics
from replication.evaluation.scoring import score
from replication.machine import memory
from replication.machine.precision import resolve_precision
from replication.mind.columns.prepared import load_prepared
from replication.mind.prepare import prepare

LARGEST = 1.0  # of MIND-small
SHARES = tuple(LARGEST * part for part in (0.1, 0.2, 0.5, 1.0))
POSITIONS, WIDTH = 10, 384  # of the token vectors that training reads
WARM, STEPS = 2, 8
RESAMPLES = 1_000
# As the data grow tenfold: linear time, and a tenth for the machine; memory that they do not move.
MOST_TIME, MOST_MEMORY = 11, 1.3


def prepare_files(folder: Path) -> dict[str, Any]:
    """From four text files to integers on disk."""
    started = time.perf_counter()
    prepare(folder / "raw", folder / "prepared again")
    seconds = time.perf_counter() - started
    data = load_prepared(folder / "prepared again")
    written = sum(path.stat().st_size for path in (folder / "prepared again").rglob("*.*"))
    return _point(len(data.train) + len(data.test), seconds, written)


def train_a_step(folder: Path) -> dict[str, Any]:
    """A step of NRMS over stored token vectors; negatives are drawn for all clicks before it."""
    memory.settle()
    data = load_prepared(folder / "prepared")
    model, text = stored_nrms(np.load(folder / "vectors.npy", mmap_mode="r"), POSITIONS, data)
    train_steps(model, data, WARM)
    text.articles = 0
    seconds = train_steps(model, data, STEPS).seconds / STEPS
    point = _point(len(data.train), seconds, _size(folder / "prepared" / "train"))
    return {**point, "articles": text.articles / STEPS}  # the more there are, the fewer repeat


def evaluate(folder: Path) -> dict[str, Any]:
    """User vectors, scores and four metrics of the test split, the article vectors given."""
    memory.settle()
    data = load_prepared(folder / "prepared")
    model, _ = stored_nrms(np.load(folder / "vectors.npy", mmap_mode="r"), POSITIONS, data)
    vectors = torch.rand(len(data.articles), model.width)
    model.encode_news = lambda articles: vectors[articles]
    started = time.perf_counter()
    scores = score(model, data.test, parameters(STEPS), resolve_precision("auto"))
    metrics = impression_metrics(scores, data.test.labels, data.test.candidates.offsets)
    seconds = time.perf_counter() - started
    found = vectors.nbytes + scores.nbytes + sum(values.nbytes for values in metrics.values())
    return _point(len(data.test), seconds, found + _size(folder / "prepared" / "test"))


def intervals(folder: Path) -> dict[str, Any]:
    """Bootstrap intervals of four metrics, of all impressions and by groups of users."""
    memory.settle()
    test = load_prepared(folder / "prepared").test
    rng = np.random.default_rng(1)
    metrics = {name: rng.random(len(test)) for name in METRICS}
    started = time.perf_counter()
    bootstrap_ci(metrics, RESAMPLES, 1)
    groups = user_groups(test, "users", HISTORY)
    halves = user_groups(test, "users", HISTORY, HALVES)
    lengths = test.histories.lengths[test.history_row]
    cold_start(metrics, lengths, groups, np.asarray(test.user), RESAMPLES, 1, halves)
    seconds = time.perf_counter() - started
    found = sum(values.nbytes for values in metrics.values())
    return _point(len(test), seconds, found + _size(folder / "prepared" / "test"))


WORKS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "prepare": prepare_files,
    "training, a step": train_a_step,
    "users, scores, metrics": evaluate,
    "intervals, cold start": intervals,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[float, Path]:
    """Share -> a folder with raw files, prepared data and token vectors."""
    found = {}
    for share in SHARES:
        folder = found[share] = tmp_path_factory.mktemp("share")
        write_mind(folder / "raw", share)
        prepare(folder / "raw", folder / "prepared")
        articles = len(load_prepared(folder / "prepared").articles)
        write_vectors(folder / "vectors.npy", articles, POSITIONS, WIDTH)
    return found


@pytest.mark.parametrize("work", WORKS)
def test_growth(benchmark, measure, folders, work):
    """Ten times the data: ten times the time, or as much for a step, and no more memory beside
    the data themselves."""
    points = []
    for share, folder in folders.items():
        point, _, start, peak = peak_of(WORKS[work], folder)
        points.append({"work": work, "share": share, **point, "peak_mib": peak - start})
    first, last = points[0], points[-1]
    times = last["seconds"] / first["seconds"]
    beside = [p["peak_mib"] - p["columnar_mib"] for p in (first, last)]
    measure(
        f"{work}: as data grow",
        f"{first['impressions']:,} to {last['impressions']:,} impressions",
        f"<= {MOST_TIME}x the time, <= {MOST_MEMORY}x the peak memory beside the data",
        fast=lambda: WORKS[work](folders[LARGEST]),
        rounds=1,
        peak_mib=last["peak_mib"],
        growth={
            "time growth": (MOST_TIME, times),
            "memory growth": (MOST_MEMORY, beside[1] / beside[0]),
        },
        note=f"{times:.1f} times the time for ten times the data; peak memory beside the data "
        f"{beside[0]:,.0f} -> {beside[1]:,.0f} MiB",
    )
    benchmark.extra_info["points"] = points


def _point(impressions: int, seconds: float, columnar: int) -> dict[str, Any]:
    return {"impressions": impressions, "seconds": seconds, "columnar_mib": columnar / 2**20}


def _size(folder: Path) -> int:
    """Bytes of the arrays in a folder of prepared data."""
    return sum(path.stat().st_size for path in folder.glob("*.npy"))
