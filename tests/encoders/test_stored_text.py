"""Token vectors that are read from disk, or from a table of words."""

import numpy as np
import pytest
import torch
from torch import nn

from replication.encoders.models import text as text_module
from replication.encoders.models.text import Places, StoredVectors, WordVectors
from replication.mind.columns.ragged import load_array

OFFSETS = np.array([0, 1, 4, 4, 6])  # articles of 1, 3, 0 and 2 tokens


def test_places():
    where, mask = Places(OFFSETS)(torch.tensor([1, 3]))
    assert where.tolist() == [[1, 2, 3], [4, 5, 0]]
    assert mask.tolist() == [[True, True, True], [True, True, False]]
    where, mask = Places(OFFSETS, length=5)(torch.tensor([0, 2]))
    assert where.tolist() == [[0] * 5, [0] * 5]
    assert mask.tolist() == [[True, False, False, False, False], [False] * 5]
    where, mask = Places(OFFSETS, last=2)(torch.tensor([1, 0]))
    assert where.tolist() == [[2, 3], [0, 0]] and mask.tolist() == [[True, True], [True, False]]


def test_stored_vectors():
    states = np.arange(1, 13, dtype=np.float16).reshape(6, 2)
    stored = StoredVectors(states, Places(OFFSETS), masked=True)
    x, mask = stored(torch.tensor([1, 3, 0]))
    assert x.dtype == torch.float32 and stored.width == 2
    assert x[:2].tolist() == [[[3, 4], [5, 6], [7, 8]], [[9, 10], [11, 12], [0, 0]]]
    assert not x[2].any()  # article 0 is padding
    assert mask.tolist() == [[True] * 3, [True, True, False], [True, False, False]]
    assert not list(stored.parameters()) and not stored.state_dict()
    assert StoredVectors(states, Places(OFFSETS, 3), masked=False)(torch.tensor([1]))[1] is None
    unblanked = StoredVectors(states, Places(OFFSETS), masked=True, blank=False)
    assert unblanked(torch.tensor([0]))[0].tolist() == [[[1, 2]]]


def test_stored_vectors_come_in_the_format_that_is_computed_in():
    states = np.array([[0.1, 70.0]], dtype=np.float16)
    stored = StoredVectors(states, Places(np.array([0, 1])), masked=True, blank=False)
    article = torch.tensor([0])
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(stored(article)[0][0], torch.tensor(states).bfloat16())
        assert torch.equal(stored(article, torch.float32)[0][0], torch.tensor(states).float())


@pytest.mark.parametrize("mapped", [0, 1 << 30])
def test_stored_vectors_of_a_large_file_are_read_in_pieces(tmp_path, monkeypatch, mapped):
    """And are the same when their pages were let go."""
    monkeypatch.setattr(text_module, "READ_AT_ONCE", 100)
    monkeypatch.setattr(text_module, "MAPPED", mapped)
    states = np.random.default_rng(1).random((6000, 8)).astype(np.float16)
    np.save(tmp_path / "states.npy", states)
    stored = StoredVectors(
        load_array(tmp_path / "states.npy"), Places(np.arange(0, 6001, 3)), masked=True, blank=False
    )
    articles = torch.tensor([1999, 0, 5, 5, 700])
    for _ in range(2):
        x, mask = stored(articles)
        assert mask.all()
        assert np.array_equal(x.numpy(), states.reshape(2000, 3, 8)[articles].astype(np.float32))


def test_word_vectors():
    table = nn.Embedding.from_pretrained(torch.tensor([[0.0, 0], [1, 2], [3, 4]]), padding_idx=0)
    words = WordVectors(table, np.array([0, 2, 1, 2, 1, 1]), Places(OFFSETS), masked=True)
    x, mask = words(torch.tensor([1, 3, 0]))
    assert x.tolist() == [
        [[3, 4], [1, 2], [3, 4]],
        [[1, 2], [1, 2], [0, 0]],
        [[0, 0], [0, 0], [0, 0]],
    ]
    assert mask.sum(1).tolist() == [3, 2, 1] and words.width == 2
