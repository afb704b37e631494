"""Score all candidates of a split: each article encoded once, each user once, no Python loop.

Several processes share articles, users and impressions by whole batches, so that every number is
computed as by one process alone.
"""

import warnings

import numpy as np
import torch
from torch import Tensor

from replication.machine import processes
from replication.machine.precision import autocast
from replication.mind.columns.prepared import Impressions
from replication.mind.columns.ragged import Ragged
from replication.recommenders import Recommender
from replication.study.params import Params

ARTICLES_AT_ONCE = 2048
USERS_AT_ONCE = 64  # what a core's cache holds
IMPRESSIONS_AT_ONCE = 4096


@torch.inference_mode()
def score(
    model: Recommender, impressions: Impressions, params: Params, precision: str
) -> np.ndarray:
    """Scores of `impressions.candidates.values`: (N,) float32."""
    model.eval()
    histories = impressions.histories
    rows, row_of = np.unique(impressions.history_row, return_inverse=True)
    read = histories.take(rows).padded(params.history, params.protocol.history_order)
    users = np.asarray(impressions.user_of_history)[rows]
    if params.protocol.user_cache == "history":
        users = users[first_with_same_history(histories.take(rows))]
    wanted = np.union1d(np.asarray(impressions.candidates.values), read)
    with autocast(precision):
        vectors = _news_vectors(model, wanted[wanted > 0])
        user_vectors = _user_vectors(model, read, users, vectors)
    return _products(user_vectors.cpu(), row_of, vectors.cpu(), impressions.candidates)


def _news_vectors(model: Recommender, wanted: np.ndarray) -> Tensor:
    """Vectors of the `wanted` articles (n,) at their ids: (articles + 1, width) float32, else 0."""
    device = model.labels.device
    vectors = torch.zeros(len(model.labels), model.width, device=device)  # row 0: padding
    articles = torch.from_numpy(wanted.astype(np.int64)).to(device)
    parts = articles.split(ARTICLES_AT_ONCE)
    for some in parts[processes.rank() :: processes.count()]:
        vectors[some] = model.encode_news(some).float()
    return processes.summed(vectors)


def _user_vectors(
    model: Recommender, read: np.ndarray, users: np.ndarray, vectors: Tensor
) -> Tensor:
    """Vectors of u users, from clicks `read` (u, h), padded on the left, and `users` (u,) ids."""
    lengths = (read > 0).sum(axis=1)
    order = np.argsort(lengths, kind="stable")  # like lengths together: little or no padding
    clicks = model.as_clicks(vectors)
    found = torch.zeros(len(read), model.width, device=vectors.device)
    for start in range(0, len(read), USERS_AT_ONCE)[processes.rank() :: processes.count()]:
        some = order[start : start + USERS_AT_ONCE]
        width = max(1, lengths[some[-1]]) if model.ignores_padding else read.shape[1]
        clicked = torch.from_numpy(read[some, -width:].astype(np.int64)).to(vectors.device)
        mask = None if lengths[some[0]] == width else clicked > 0
        ids = torch.from_numpy(users[some].astype(np.int64)).to(vectors.device)
        encoded = model.encode_users(clicks, clicked, mask, ids)  # (b, width)
        found[torch.from_numpy(some).to(vectors.device)] = encoded.float()
    return processes.summed(found)


def _products(
    user_vectors: Tensor, row_of: np.ndarray, vectors: Tensor, candidates: Ragged
) -> np.ndarray:
    """User vector . news vector of every candidate of every impression: (N,) float32.

    The candidates of impressions are the places of a sparse matrix, (impressions, articles), in
    which a product of two dense ones is wanted: computed where they stand, a tenth of the time that
    it takes to gather both vectors of every candidate first.
    """
    found = torch.zeros(len(candidates.values))
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # "in beta state"
        starts = range(0, len(row_of), IMPRESSIONS_AT_ONCE)
        for start in starts[processes.rank() :: processes.count()]:
            some = slice(start, start + IMPRESSIONS_AT_ONCE)
            offsets = candidates.offsets[start : start + IMPRESSIONS_AT_ONCE + 1]
            articles = np.asarray(candidates.values[offsets[0] : offsets[-1]])
            places = torch.sparse_csr_tensor(
                torch.from_numpy(offsets - offsets[0]),
                torch.from_numpy(articles.astype(np.int64)),
                torch.zeros(len(articles)),
                size=(len(row_of[some]), len(vectors)),
            )
            users = user_vectors[torch.from_numpy(row_of[some])]
            scores = torch.sparse.sampled_addmm(places, users, vectors.T, beta=0)
            found[offsets[0] : offsets[-1]] = scores.values()
    return processes.summed(found).numpy()


def first_with_same_history(histories: Ragged) -> np.ndarray:
    """For each row the first row with the same articles in the same order: (n,) int64.

    As released (D9), test-time user vectors are looked up by the history string, so that users with
    the same one (the empty one, above all) share the ID vector of whoever came first.
    """
    # A 64-bit fingerprint of each row: values times powers of an odd constant, wrapping around.
    column = np.arange(len(histories.values)) - np.repeat(histories.offsets[:-1], histories.lengths)
    powers = np.cumprod(
        np.full(int(histories.lengths.max(initial=0)) + 1, 0x9E3779B97F4A7C15, np.uint64)
    )
    terms = np.concatenate([[np.uint64(0)], np.cumsum(
        (np.asarray(histories.values).astype(np.uint64) + np.uint64(1)) * powers[column],
        dtype=np.uint64,
    )])  # fmt: skip
    prints = terms[histories.offsets[1:]] - terms[histories.offsets[:-1]]
    _, first, inverse = np.unique(prints, return_index=True, return_inverse=True)
    return first[inverse]
