"""Tokenised titles of MIND's lengths, of random words: for timing, not for study."""

import numpy as np

from replication.mind.columns.ragged import Ragged

LIMIT = 20  # tokens of a title that are read
MEAN, SHAPE = 15.9, 12  # word pieces with [CLS] and [SEP], before the cut; 15 % have over 20
CLS, SEP = 101, 102  # in BERT's uncased vocabulary, whose whole words begin at 1,996
FIRST_WORD, WORDS = 1_996, 30_522


def titles(articles: int, seed: int) -> Ragged:
    """Token ids of an empty title (the padding article) and of `articles` titles, int32.

    Cut as the package's tokenizer cuts: at `LIMIT` tokens, of which the first is [CLS] and the
    last is [SEP].
    """
    rng = np.random.default_rng(seed)
    pieces = rng.gamma(SHAPE, MEAN / SHAPE, articles).round().astype(np.int64)
    lengths = np.concatenate([[2], pieces.clip(3, LIMIT)])
    tokens = Ragged.from_lengths(
        rng.integers(FIRST_WORD, WORDS, lengths.sum(), dtype=np.int32), lengths
    )
    tokens.values[tokens.offsets[:-1]] = CLS
    tokens.values[tokens.offsets[1:] - 1] = SEP
    return tokens
