"""The test split of MIND-small's shape: users, scores, metrics, and intervals of their means.

`python -m pytest tests/benchmarks/bench_evaluation.py`

NRMS at the released sizes; the vectors of all articles are given.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from measuring import peak_of
from naive import evaluation as naive
from stored_nrms import HISTORY, parameters, stored_nrms
from torch import Tensor

from replication.evaluation.cold_start import user_groups
from replication.evaluation.intervals import bootstrap_ci
from replication.evaluation.metrics import METRICS, impression_metrics
from replication.evaluation.scoring import score
from replication.machine.precision import resolve_precision
from replication.mind.columns.prepared import Impressions, load_prepared
from replication.recommenders import NRMS

SIZE = "{:,} impressions, {:,} candidates, {:,} articles, {:,} users"
RESAMPLES = 1_000


@dataclass(frozen=True)
class Split:
    """A model that reads given vectors (articles + 1, width), and the test split."""

    model: NRMS
    vectors: Tensor
    test: Impressions

    @property
    def size(self) -> str:
        candidates = np.asarray(self.test.candidates.values)
        return SIZE.format(
            len(self.test),
            len(candidates),
            len(np.unique(candidates)),
            len(np.unique(self.test.user)),
        )


def split_of(prepared: Path) -> Split:
    data = load_prepared(prepared)
    blank = np.zeros((len(data.articles), 8), np.float16)
    model = stored_nrms(blank, 1, data)[0].eval()
    vectors = torch.randn(len(data.articles), model.width)
    vectors[0] = 0
    model.encode_news = lambda articles: vectors[articles]
    return Split(model, vectors, data.test)


def evaluate(split: Split, precision: str) -> dict[str, np.ndarray]:
    scores = score(split.model, split.test, parameters(1), precision)
    return impression_metrics(scores, split.test.labels, split.test.candidates.offsets)


def evaluate_naively(split: Split, given: naive.Split) -> np.ndarray:
    return naive.metrics_by_processes(*naive.score(split.model, given, split.vectors))


def evaluate_alone(prepared: Path) -> None:
    evaluate(split_of(prepared), resolve_precision("auto"))


def evaluate_naively_alone(prepared: Path) -> None:
    split = split_of(prepared)
    evaluate_naively(split, naive.as_text(split.test, HISTORY))


@pytest.fixture(scope="module")
def split(mind_small) -> Split:
    return split_of(mind_small / "prepared")


def test_test_split(measure, split, mind_small):
    """Users, scores and four metrics."""
    given, precision = naive.as_text(split.test, HISTORY), resolve_precision("auto")
    started = time.perf_counter()
    found = evaluate(split, "fp32")
    exact = time.perf_counter() - started
    _, expected = measure(
        "test split: users, scores, four metrics",
        split.size,
        ">= 25x",
        fast=lambda: evaluate(split, precision),
        naive=lambda: evaluate_naively(split, given),
        goal_ratio=25,
        peak_mib=peak_of(evaluate_alone, mind_small / "prepared")[-1],
        naive_peak_mib=peak_of(evaluate_naively_alone, mind_small / "prepared")[-1],
        note=f"ours in {precision}, {exact:.1f} s in fp32; the naive way in fp32 is spared the "
        "release's reading of files and its look-ups in pandas",
    )
    for name, theirs in zip(METRICS, expected.T, strict=True):
        # Scores differ in their last digits, so that two nearly equal ones may change places.
        np.testing.assert_allclose(np.nanmean(found[name]), np.nanmean(theirs), atol=1e-5)


def test_metrics(measure, split):
    """The four metrics alone, of scores on a grid of 64 steps: many are tied."""
    rng = np.random.default_rng(2)
    offsets, labels = split.test.candidates.offsets, np.asarray(split.test.labels)
    scores = rng.integers(64, size=len(labels)) / 64
    as_lists = [part.tolist() for part in np.split(scores, offsets[1:-1])]
    labels_as_lists = [part.tolist() for part in np.split(labels, offsets[1:-1])]
    found, expected = measure(
        "four metrics alone, with ties",
        f"{len(split.test):,} impressions, {len(labels):,} candidates",
        "1 s; >= 100x scikit-learn per impression",
        fast=lambda: impression_metrics(scores, labels, offsets),
        naive=lambda: naive.metrics(labels_as_lists, as_lists),
        goal_ratio=100,
        goal_seconds=1,
    )
    for name, theirs in zip(METRICS, expected.T, strict=True):
        np.testing.assert_allclose(found[name], theirs, rtol=0, atol=1e-12)


def test_intervals(measure, split):
    """Percentile bootstrap of four metrics, of all impressions and of five groups of users."""
    rng = np.random.default_rng(3)
    groups = user_groups(split.test, "users", HISTORY)
    values = {name: rng.random(len(split.test)) for name in METRICS}
    cells = {("all", name): found for name, found in values.items()} | {
        (group, name): np.where(groups == group, found, np.nan)
        for group in range(1, 6)
        for name, found in values.items()
    }
    found, expected = measure(
        "bootstrap intervals",
        f"{RESAMPLES:,} resamples of {len(split.test):,} impressions, four metrics, all users and "
        "five groups",
        "5 s",
        fast=lambda: bootstrap_ci(cells, RESAMPLES, 1),
        naive=_resampler(cells),
        rounds=3,
        goal_seconds=5,
        note="the naive way draws rows and takes means, a resample and a metric at a time",
    )
    for cell, (low, high) in found.items():
        # Other draws: the ends of two intervals differ by a fraction of their width.
        np.testing.assert_allclose((low, high), expected[cell], atol=0.25 * (high - low))


def _resampler(cells: dict) -> Callable[[], dict]:
    impressions = len(next(iter(cells.values())))

    def resample() -> dict:
        rng = np.random.default_rng(4)
        means = {cell: np.empty(RESAMPLES) for cell in cells}
        for i in range(RESAMPLES):
            rows = rng.integers(impressions, size=impressions)
            for cell, values in cells.items():
                means[cell][i] = np.nanmean(values[rows])
        return {cell: np.quantile(found, [0.025, 0.975]) for cell, found in means.items()}

    return resample
