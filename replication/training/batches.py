"""From impressions to training batches: one sample per click, with drawn negatives."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from replication.files.errors import StudyError
from replication.mind.columns.labelled import negatives
from replication.mind.columns.prepared import Impressions
from replication.recommenders import Batch


@dataclass(frozen=True)
class Samples:
    """n samples: a clicked article, the impression it was clicked in, and what was drawn beside it.

    clicked (n,) int32; impression (n,) int64 rows; negatives (n, K) int32, 0 where an impression
    has fewer than K other articles that were not clicked.
    """

    clicked: np.ndarray
    impression: np.ndarray
    negatives: np.ndarray

    def __len__(self) -> int:
        return len(self.clicked)


def draw_each_epoch(impressions: Impressions, k: int, rng: np.random.Generator) -> Samples:
    """Every click with up to `k` negatives, drawn without replacement for each click anew."""
    clicked, impression, others, starts, counts = _split(impressions)
    first, count = starts[impression], counts[impression]
    picks = np.full((len(clicked), k), -1)
    for j in range(min(k, int(count.max(initial=0)))):
        # A number below what is left, moved past those already picked: uniform, no rejection.
        pick = (rng.random(len(clicked)) * (count - j)).astype(np.int64)
        for earlier in np.sort(picks[:, :j], axis=1).T:
            pick += pick >= earlier
        picks[:, j] = np.where(j < count, pick, -1)
    drawn = others[np.minimum(first[:, None] + picks, len(others) - 1)]
    useful = count > 0  # a click beside nothing else teaches nothing
    return Samples(
        clicked[useful], impression[useful], np.where(picks >= 0, drawn, 0)[useful].astype(np.int32)
    )


def draw_once(impressions: Impressions, k: int, rng: np.random.Generator) -> Samples:
    """As released (D12): an impression's negatives, shuffled, are dealt out `k` to a click; clicks
    for which fewer than `k` are left are dropped."""
    clicked, impression, others, starts, counts = _split(impressions)
    owner = np.repeat(np.arange(len(counts)), counts)
    shuffled = others[np.argsort(owner + rng.random(len(others)))]
    clicks = np.bincount(impression, minlength=len(counts))
    turn = np.arange(len(clicked)) - (np.cumsum(clicks) - clicks)[impression]
    served = (turn + 1) * k <= counts[impression]
    first = starts[impression] + turn * k
    return Samples(
        clicked[served], impression[served], shuffled[first[served, None] + np.arange(k)]
    )


def _split(impressions: Impressions) -> tuple[np.ndarray, ...]:
    """Clicked articles and their impressions; the negatives, where they start, how many."""
    candidates = impressions.candidates
    owner = np.repeat(np.arange(len(impressions)), candidates.lengths)
    clicked, passed = np.asarray(impressions.labels) == 1, negatives(impressions)
    counts = np.bincount(owner[passed], minlength=len(impressions))
    starts = np.cumsum(counts) - counts
    values = np.asarray(candidates.values)
    if not counts[owner[clicked]].any():
        raise StudyError(
            "training: no impression has both a click and another article that was not clicked, so "
            "there is nothing to learn; expected impressions with labels of both kinds"
        )
    return values[clicked], owner[clicked], values[passed], starts, counts


def batches(
    samples: Samples,
    impressions: Impressions,
    history: int,
    keep: Literal["newest", "oldest"],
    batch_size: int,
    rng: np.random.Generator,
    skipped: int = 0,
    dropped: bool = False,
) -> Iterator[Batch]:
    """The samples once, in random order.

    history  at most so many clicks of the user are read; `keep` says which: newest or oldest (D2)
    skipped  so many batches at the start are left out
    dropped  the last batch is left out too, if it is smaller than the others (D16)
    """
    order = rng.permutation(len(samples))
    end = batches_of(len(samples), batch_size, dropped) * batch_size
    for start in range(skipped * batch_size, end, batch_size):
        rows = order[start : start + batch_size]
        negatives = samples.negatives[rows]
        candidates = np.concatenate([samples.clicked[rows, None], negatives], axis=1)
        where = samples.impression[rows]
        clicked = impressions.histories.take(impressions.history_row[where]).padded(history, keep)
        yield Batch(
            candidates=torch.from_numpy(candidates.astype(np.int64)),
            drawn=torch.from_numpy(candidates > 0),
            clicked=torch.from_numpy(clicked.astype(np.int64)),
            users=torch.from_numpy(impressions.user[where].astype(np.int64)),
        )


def batches_of(samples: int, batch_size: int, dropped: bool) -> int:
    """How many batches an epoch has; `dropped` as in `batches`."""
    return samples // batch_size if dropped else -(-samples // batch_size)


def ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches, each built by a second thread while the one before it is learned from."""
    with ThreadPoolExecutor(max_workers=1) as builder:
        coming = builder.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = builder.submit(next, batches, None)
            yield batch
