"""Training over pre-computed LLM vectors: 65,238 articles x 10 positions x 4,096, float16, 5.3 GB.

`python -m pytest tests/benchmarks/bench_vectors.py`
"""

import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from measuring import peak_of
from mind_files import ARTICLES
from stored_nrms import BATCH, HISTORY, stored_nrms, train_steps, write_vectors

from replication.machine import memory
from replication.mind.columns.prepared import load_prepared
from replication.training.batches import batches, draw_each_epoch

POSITIONS, WIDTH = 10, 4_096
STEPS, LONG = 4, 16  # of one timing; of the run whose memory is watched
READ = 4  # batches of which reading is timed
GOAL_MIB = 2e9 / 2**20


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    path = tmp_path_factory.mktemp("vectors") / "title.states.npy"
    write_vectors(path, ARTICLES + 1, POSITIONS, WIDTH)  # and the padding article
    yield path
    path.unlink()


def test_training(benchmark, measure, vectors, mind_small):
    """Steps of NRMS; the memory that they need over the process that has its model ready."""
    prepared = mind_small / "prepared"
    cold = peak_of(reading, vectors, prepared, True)[0]
    warm = peak_of(reading, vectors, prepared, False)[0]
    found, _, idle, peak = peak_of(training, vectors, prepared, LONG)
    model, _ = stored_nrms(_mapped(vectors), POSITIONS, data := load_prepared(prepared))
    whole = 4 * (ARTICLES + 1) * POSITIONS * WIDTH / 2**20
    measure(
        "training over pre-computed LLM vectors",
        f"{STEPS} steps of {BATCH} samples, {HISTORY} clicks; 65,238 articles x 10 x 4,096 float16",
        "peak 2 GB over the model",
        fast=lambda: train_steps(model, data, STEPS),
        rounds=3,
        goal_peak_mib=GOAL_MIB,
        peak_mib=peak - found["start"],
        naive_peak_mib=whole,
        note=f"naive: the need of the whole array as float32, computed, not run; reading a batch "
        f"of {warm['articles']:.0f} articles takes {warm['seconds']:.2f} s out of memory and "
        f"{cold['seconds']:.2f} s from disk; own memory peaks at {found['own']:,.0f} MiB, mapped "
        f"at {found['mapped']:,.0f}",
    )
    benchmark.extra_info["memory"] = {"idle": idle, "peak": peak, **found}
    benchmark.extra_info["reading"] = {"cold": cold, "warm": warm}


def training(vectors: Path, prepared: Path, steps: int) -> dict[str, float]:
    """Train, and watch own (anonymous) and mapped (file) memory: MiB over where they started.

    Mapped pages are clean: the system takes them back when it wants memory.
    """
    memory.settle()
    data = load_prepared(prepared)
    model, text = stored_nrms(_mapped(vectors), POSITIONS, data)
    start = _resident()
    peak, done = dict(start), threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            for kind, mib in _resident().items():
                peak[kind] = max(peak[kind], mib)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        fit = train_steps(model, data, steps)
    finally:
        done.set()
        watcher.join()
    return {
        "start": start["VmRSS"],
        "own": peak["RssAnon"] - start["RssAnon"],
        "mapped": peak["RssFile"] - start["RssFile"],
        "step_seconds": fit.seconds / fit.steps,
        "reading_seconds": text.seconds / fit.steps,
    }


def reading(vectors: Path, prepared: Path, cold: bool) -> dict[str, float]:
    """Median seconds to read the articles of a batch, with or without the file in page cache."""
    memory.settle()
    data = load_prepared(prepared)
    rng = np.random.default_rng(2)
    samples = draw_each_epoch(data.train, 4, rng)
    drawn = batches(samples, data.train, HISTORY, "newest", BATCH, rng)
    seconds, articles = [], []
    for _, batch in zip(range(READ), drawn, strict=False):
        wanted = torch.unique(torch.cat([batch.candidates, batch.clicked], dim=1))
        _, text = stored_nrms(_mapped(vectors), POSITIONS, data)  # the last one's mapping is gone
        if cold:
            _forget(vectors)
        else:
            text(wanted)
        started = time.perf_counter()
        text(wanted)
        seconds.append(time.perf_counter() - started)
        articles.append(len(wanted))
    return {"seconds": float(np.median(seconds)), "articles": float(np.mean(articles))}


def _mapped(path: Path) -> np.ndarray:
    return np.load(path, mmap_mode="r")


def _forget(path: Path) -> None:
    """Take a file out of the page cache, as far as nothing maps its pages."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _resident() -> dict[str, float]:
    """MiB of this process in memory: in all, its own, and mapped from files."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: int(fields[name].split()[0]) / 2**10 for name in ("VmRSS", "RssAnon", "RssFile")}
