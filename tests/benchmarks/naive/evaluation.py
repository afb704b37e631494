"""Evaluate a test split the naive way, the released code's: an impression at a time.

Users and impressions come out of data loaders as text: ids of articles, the history as one string,
`N7-0` for an article that was shown and not clicked. User vectors come in batches, from article
vectors that are looked up and stacked one by one and padded to the limit; candidates are looked up,
stacked, scored and kept as lists of numbers, impression by impression. The metrics of an impression
are computed alone, by scikit-learn and MIND's published definitions, in a pool of processes. The
release also reads its files anew and looks its rows up in pandas; here they lie in lists.
"""

import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.utils.data import DataLoader
from user_vectors import user_vectors

from replication.mind.columns.prepared import Impressions
from replication.recommenders import Recommender

USERS_AT_ONCE = 512  # 16 times the batch of 32, as released
PADDED = "PADDED"


@dataclass(frozen=True)
class Split:
    """What data loaders give, one after another.

    users        each distinct user with a history: `user`, `history` and the `clicked` ids, padded
    impressions  `user`, `history` and what was `shown`
    """

    users: list[dict]
    impressions: list[dict]


def as_text(impressions: Impressions, limit: int) -> Split:
    """The ids of articles as text; the newest `limit` clicks are read."""
    histories, candidates = impressions.histories, impressions.candidates
    users, found = {}, []
    for i, (user, row) in enumerate(zip(impressions.user, impressions.history_row, strict=True)):
        clicked = [f"N{article}" for article in histories.row(row)]
        history = " ".join(clicked)
        labels = impressions.labels[candidates.offsets[i] : candidates.offsets[i + 1]]
        pairs = zip(candidates.row(i), labels, strict=True)
        shown = [f"N{article}-{label}" for article, label in pairs]
        found.append({"user": int(user), "history": history, "shown": shown})
        padded = [PADDED] * (limit - len(clicked)) + clicked[-limit:]
        users[int(user), history] = {"user": int(user), "history": history, "clicked": padded}
    return Split(list(users.values()), found)


@torch.no_grad()
def score(
    model: Recommender, split: Split, vectors: Tensor
) -> tuple[list[list[int]], list[list[float]]]:
    """Labels and scores of each impression; `vectors` (articles + 1, width), row 0 is padding."""
    by_article = {f"N{number}": vector for number, vector in enumerate(vectors)}
    by_article[PADDED] = torch.zeros_like(vectors[0])
    by_user = _users(model, split, by_article)
    labels, scores = [], []
    for batch in DataLoader(split.impressions, batch_size=1):
        shown = [text[0].split("-") for text in batch["shown"]]
        candidates = torch.stack([by_article[article] for article, _ in shown])  # (c, w)
        user = by_user[int(batch["user"][0]), batch["history"][0]]
        scores.append((candidates @ user).tolist())
        labels.append([int(label) for _, label in shown])
    return labels, scores


def _users(
    model: Recommender, split: Split, by_article: dict[str, Tensor]
) -> dict[tuple[int, str], Tensor]:
    """(user, history) -> vector (w,)."""
    found = {}
    for batch in DataLoader(split.users, batch_size=USERS_AT_ONCE):
        slots = [torch.stack([by_article[a] for a in slot]) for slot in batch["clicked"]]
        mask = torch.tensor([[a != PADDED for a in slot] for slot in batch["clicked"]]).T
        encoded = user_vectors(model, torch.stack(slots, dim=1), mask, batch["user"])  # (b, w)
        for user, history, vector in zip(
            batch["user"].tolist(), batch["history"], encoded, strict=True
        ):
            found[user, history] = vector
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
