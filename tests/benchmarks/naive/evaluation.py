"""Evaluate a test split the naive way, the released code's: an impression at a time.

User vectors come in batches, from lists of article vectors that are stacked one by one and padded
to the limit; candidates are stacked, scored and kept as lists of numbers, impression by impression.
The metrics of an impression are computed alone, by scikit-learn and MIND's published definitions,
in a pool of processes. The release also reads ids as text and goes through a data loader for each
impression; here ids are numbers in lists already.
"""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from replication.mind.prepared import Impressions
from replication.recommenders import Recommender

USERS_AT_ONCE = 512  # 16 times the batch of 32, as released


@dataclass(frozen=True)
class Shown:
    """One impression in Python's own lists."""

    user: int
    history: tuple[int, ...]
    candidates: list[int]
    labels: list[int]


def as_lists(impressions: Impressions) -> list[Shown]:
    """Every impression by itself."""
    histories, candidates = impressions.histories, impressions.candidates
    return [
        Shown(
            int(user),
            tuple(histories.row(row).tolist()),
            candidates.row(i).tolist(),
            impressions.labels[candidates.offsets[i] : candidates.offsets[i + 1]].tolist(),
        )
        for i, (user, row) in enumerate(zip(impressions.user, impressions.history_row, strict=True))
    ]


@torch.no_grad()
def score(model: Recommender, shown: Sequence[Shown], vectors: Tensor, limit: int) -> list:
    """A list of scores per impression; `vectors` (articles + 1, width) are given, row 0 is zero.

    limit  the newest so many clicks are read
    """
    by_article = dict(enumerate(vectors))
    by_user = _users(model, shown, by_article, limit)
    scores = []
    for one in shown:
        candidates = torch.stack([by_article[article] for article in one.candidates])  # (c, w)
        scores.append((candidates @ by_user[one.user, one.history]).tolist())
    return scores


def _users(
    model: Recommender, shown: Sequence[Shown], by_article: dict[int, Tensor], limit: int
) -> dict[tuple[int, tuple[int, ...]], Tensor]:
    """(user, history) -> vector (w,)."""
    distinct = list(dict.fromkeys((one.user, one.history) for one in shown))
    found = {}
    for start in range(0, len(distinct), USERS_AT_ONCE):
        some = distinct[start : start + USERS_AT_ONCE]
        read = [history[-limit:] for _, history in some]
        padded = [[0] * (limit - len(clicks)) + list(clicks) for clicks in read]
        clicked = torch.stack(
            [torch.stack([by_article[article] for article in row]) for row in padded]
        )  # (b, limit, w)
        users = torch.tensor([user for user, _ in some])
        encoded = model.encode_user(clicked, torch.tensor(padded) > 0, users)  # (b, w)
        found.update(zip(some, encoded, strict=True))
    return found


def metrics(labels: Iterable[list[int]], scores: Iterable[list[float]]) -> np.ndarray:
    """AUC, MRR, nDCG@5 and nDCG@10 of every impression, one after another: (I, 4) float64.

    Each has a clicked candidate, and NaN for AUC where it has no other.
    """
    return np.array([_metrics(*one) for one in zip(labels, scores, strict=True)])


def metrics_by_processes(labels: list[list[int]], scores: list[list[float]]) -> np.ndarray:
    """`metrics`, by as many processes as there are processors."""
    workers = os.cpu_count() or 1
    size = -(-len(labels) // (4 * workers))
    parts = range(0, len(labels), size)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        found = pool.map(
            metrics, [labels[s : s + size] for s in parts], [scores[s : s + size] for s in parts]
        )
        return np.concatenate(list(found))


def _metrics(labels: list[int], scores: list[float]) -> tuple[float, float, float, float]:
    y, s = np.array(labels), np.array(scores)
    auc = roc_auc_score(y, s) if 0 < y.sum() < len(y) else np.nan
    ranked = y[np.argsort(s, kind="stable")[::-1]]
    mrr = (ranked / np.arange(1, len(y) + 1)).sum() / y.sum()
    ideal = np.sort(y)[::-1]
    return auc, mrr, *(_dcg(ranked, k) / _dcg(ideal, k) for k in (5, 10))


def _dcg(ranked: np.ndarray, k: int) -> float:
    gains = 2.0 ** ranked[:k] - 1
    return float((gains / np.log2(np.arange(len(gains)) + 2)).sum())
