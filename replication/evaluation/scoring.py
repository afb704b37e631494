"""Score all candidates of a split: each article encoded once, each user once, no Python loop."""

import numpy as np
import torch

from replication.encoders.precision import autocast
from replication.mind.prepared import Impressions
from replication.mind.ragged import Ragged
from replication.params import Params
from replication.recommenders import Recommender

ARTICLES_AT_ONCE = 512
USERS_AT_ONCE = 512
CANDIDATES_AT_ONCE = 1 << 18


@torch.inference_mode()
def score(
    model: Recommender, impressions: Impressions, params: Params, precision: str
) -> np.ndarray:
    """Scores of `impressions.candidates.values`: (N,) float32."""
    model.eval()
    device = model.labels.device
    histories = impressions.histories
    rows, row_of = np.unique(impressions.history_row, return_inverse=True)
    read = histories.take(rows).padded(params.history, params.protocol.history_order)
    users = np.asarray(impressions.user_of_history)[rows]
    if params.protocol.user_cache == "history":
        users = users[first_with_same_history(histories.take(rows))]
    candidates = np.asarray(impressions.candidates.values)
    wanted = np.union1d(candidates, read)
    wanted = torch.from_numpy(wanted[wanted > 0].astype(np.int64)).to(device)
    vectors = torch.zeros(len(model.labels), model.width, device=device)  # row 0: padding
    with autocast(precision):
        for articles in model.by_length(wanted).split(ARTICLES_AT_ONCE):
            vectors[articles] = model.encode_news(articles).float()
        user_vectors = torch.empty(len(rows), model.width, device=device)
        for start in range(0, len(rows), USERS_AT_ONCE):
            chunk = slice(start, start + USERS_AT_ONCE)
            clicked = torch.from_numpy(read[chunk].astype(np.int64)).to(device)  # (b, h)
            ids = torch.from_numpy(users[chunk].astype(np.int64)).to(device)
            user_vectors[chunk] = model.encode_user(vectors[clicked], clicked > 0, ids).float()
    owner = torch.from_numpy(np.repeat(row_of, impressions.candidates.lengths))
    articles = torch.from_numpy(candidates.astype(np.int64))
    parts = zip(owner.split(CANDIDATES_AT_ONCE), articles.split(CANDIDATES_AT_ONCE), strict=True)
    return torch.cat([(user_vectors[u] * vectors[a]).sum(1).cpu() for u, a in parts]).numpy()


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
