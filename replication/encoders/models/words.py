"""The words that GloVe lacks, and those unseen in training, as the released code has them (D14)."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from replication.encoders.tokens import words_of
from replication.mind.columns.ragged import Ragged

UNKNOWN = 1  # in what stage `embed` wrote: any word without a vector


def own_rows(
    tokens: Mapping[str, Ragged],
    texts: Mapping[str, Sequence[str]],
    in_train: np.ndarray,
    vectors: Tensor,
    tuned: bool,
) -> tuple[dict[str, np.ndarray], Tensor]:
    """Word ids by field, each parallel to the values of `tokens`, and the table they are rows of.

    Frozen, a word without a vector is zeros. Tuned, a word of the training articles has a row of
    its own, which is drawn from N(0, 1) where there is no vector, and so is the row of padding; any
    other word is read as padding.

    tokens    by field, as stage `embed` wrote them: words by row of `vectors`, `UNKNOWN` if none
    texts     by field, those of all articles, from which `tokens` were made
    in_train  (articles,) bool: stands in the training articles
    vectors   (words, width) float32; row 0 is padding
    Draws follow the seed that torch was given, and leave its generator where it is.
    """
    if not tuned:
        vectors = vectors.clone()
        vectors[UNKNOWN] = 0
        return {field: np.asarray(ragged.values) for field, ragged in tokens.items()}, vectors
    known = {
        word
        for field in texts
        for text, seen in zip(texts[field], in_train, strict=True)
        if seen
        for word in words_of(text)
    }
    rows: dict[str, int] = {}  # of words without a vector
    ids = {}
    for field, ragged in tokens.items():
        found = np.array(ragged.values)
        for i, text in enumerate(texts[field]):
            start = ragged.offsets[i]
            for j, word in enumerate(words_of(text)[: ragged.offsets[i + 1] - start], start):
                if word not in known:
                    found[j] = 0
                elif found[j] == UNKNOWN:
                    found[j] = rows.setdefault(word, len(vectors) + len(rows))
        ids[field] = found
    rng = np.random.default_rng([torch.initial_seed() % 2**63, 14])
    drawn = rng.standard_normal((1 + len(rows), vectors.shape[1]), np.float32)
    return ids, torch.cat([torch.from_numpy(drawn[:1]), vectors[1:], torch.from_numpy(drawn[1:])])
