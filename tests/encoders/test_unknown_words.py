"""Words without a vector and words unseen in training, as the release has them (D14)."""

from itertools import combinations

import numpy as np
import pytest
import torch

from replication.encoders.models.words import UNKNOWN, own_rows
from replication.encoders.tokens import word_ids

VOCABULARY = {"sun": 2, "rain": 3}  # with a vector
TITLES = ["", "sun aha sun", "Oho rain aha", "rain sun hm"]
ABSTRACTS = ["", "oho", "", ""]
IN_TRAIN = np.array([False, True, True, False])  # the last article is of the test split
TEXTS = {"title": TITLES, "abstract": ABSTRACTS}


def embedded(limit: int):
    return {field: word_ids(texts, VOCABULARY, limit, UNKNOWN) for field, texts in TEXTS.items()}


@pytest.fixture
def vectors():
    return torch.tensor([[0.0, 0], [5, 5], [1, 2], [3, 4]])


def test_frozen_they_are_zeros(vectors):
    tokens = embedded(3)
    ids, table = own_rows(tokens, TEXTS, IN_TRAIN, vectors, tuned=False)
    assert table.tolist() == [[0, 0], [0, 0], [1, 2], [3, 4]] and vectors[1].all()
    assert all(np.array_equal(ids[field], tokens[field].values) for field in tokens)


def test_tuned_each_has_a_row_and_what_training_has_not_is_padding(vectors):
    torch.manual_seed(0)
    ids, table = own_rows(embedded(3), TEXTS, IN_TRAIN, vectors, tuned=True)
    aha, oho = 4, 5
    assert ids["title"].tolist() == [0, 2, aha, 2, oho, 3, aha, 3, 2, 0]
    assert ids["abstract"].tolist() == [0, oho, 0, 0]
    assert torch.equal(table[1:4], vectors[1:])
    drawn = table[[0, aha, oho]]
    assert drawn.shape == (3, 2) and all(not torch.equal(a, b) for a, b in combinations(drawn, 2))


def test_a_word_beyond_the_limit_of_a_training_title_is_known(vectors):
    ids, _ = own_rows(embedded(1), TEXTS, IN_TRAIN, vectors, tuned=True)
    assert ids["title"].tolist() == [0, 2, 4, 3] and ids["abstract"].tolist() == [0, 4, 0, 0]
    only = np.array([False, False, True, False])
    ids, _ = own_rows(embedded(1), TEXTS, only, vectors, tuned=True)
    assert ids["title"].tolist() == [0, 0, 4, 3]  # "sun" stands in no training article


def test_draws_are_normal_and_follow_the_seed_alone():
    words = [f"w{i}" for i in range(2000)]
    texts = {"title": ["", " ".join(words)]}
    tokens = {"title": word_ids(texts["title"], {}, 2000, UNKNOWN)}
    seen = np.array([False, True])

    def drawn(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        _, table = own_rows(tokens, texts, seen, torch.zeros(2, 50), tuned=True)
        assert torch.equal(torch.get_rng_state(), before)
        return table

    table = drawn(1)
    assert torch.equal(drawn(1), table) and not torch.equal(drawn(2), table)
    rows = torch.cat([table[:1], table[2:]])
    assert len(rows) == 2001
    assert float(rows.mean()) == pytest.approx(0, abs=0.02)
    assert float(rows.std()) == pytest.approx(1, abs=0.02)
