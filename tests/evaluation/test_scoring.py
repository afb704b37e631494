"""Scoring a whole split at once equals scoring every candidate alone."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_study import change, impressions_of, ragged, random_impressions, recommender
from user_vectors import user_vectors

from replication.evaluation import scoring
from replication.evaluation.scoring import first_with_same_history, score
from replication.recommenders import RECOMMENDERS

NAMES = sorted(RECOMMENDERS)


@torch.no_grad()
def naive(model, impressions, params) -> np.ndarray:
    """One impression at a time, one article at a time; the history as `params` says."""
    model.eval()
    out = []
    for i in range(len(impressions)):
        history = impressions.histories.row(impressions.history_row[i]).tolist()
        newest = params.protocol.history_order == "newest"
        read = history[-params.history :] if newest else history[: params.history]
        padding = [0] * (params.history - len(read))
        clicked = torch.zeros(1, params.history, model.width)
        for slot, article in enumerate(padding + read):
            if article:
                clicked[0, slot] = model.encode_news(torch.tensor([article]))[0]
        mask = torch.tensor([padding + read]) > 0
        user = user_vectors(model, clicked, mask, torch.tensor([int(impressions.user[i])]))[0]
        for article in impressions.candidates.row(i).tolist():
            out.append(float(model.encode_news(torch.tensor([article]))[0] @ user))
    return np.array(out)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("reads_padding", [True, False])
@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_scores_are_those_of_a_loop_over_impressions(params, name, masked, reads_padding, order):
    params = change(params, history_order=order)
    impressions = random_impressions(40, articles=20, users=9, rng=np.random.default_rng(3))
    model = recommender(name, masked=masked, reads_padding=reads_padding).train()
    scores = score(model, impressions, params, "fp32")
    assert scores.dtype == np.float32 and scores.shape == impressions.candidates.values.shape
    np.testing.assert_allclose(scores, naive(model, impressions, params), rtol=1e-5, atol=1e-5)
    assert not model.training  # no dropout took part


def test_chunks_do_not_change_scores(params, monkeypatch):
    impressions = random_impressions(40, articles=20, users=9, rng=np.random.default_rng(4))
    model = recommender("lstur")
    whole = score(model, impressions, params, "fp32")
    for name in ("ARTICLES_AT_ONCE", "USERS_AT_ONCE", "IMPRESSIONS_AT_ONCE"):
        monkeypatch.setattr(scoring, name, 7)
    np.testing.assert_allclose(score(model, impressions, params, "fp32"), whole, atol=1e-6)


def test_impressions_that_share_a_history_and_a_candidate_get_the_same_score(params):
    impressions = impressions_of(
        [
            (1, [1, 2], [3, 4], [1, 0]),
            (2, [], [3, 5], [0, 1]),
            (1, [1, 2], [4, 3, 6], [0, 1, 0]),
            (9, [], [5, 3], [1, 0]),  # unknown in training, as is user 8
            (8, [], [5], [1]),
        ]
    )
    scores = score(recommender("lstur", users=6), impressions, params, "fp32")
    # Rows of a batch: a processor may compute the last ones in another order than the first.
    np.testing.assert_allclose(scores[[0, 1]], scores[[5, 4]], rtol=1e-5, atol=1e-6)
    # Both start from the padding vector.
    np.testing.assert_allclose(scores[7], scores[9], rtol=1e-5, atol=1e-6)
    assert abs(scores[3] - scores[7]) > 1e-3  # user 2 has a vector of its own


def test_scores_follow_a_selection_of_impressions(params):
    impressions = random_impressions(30, articles=20, users=9, rng=np.random.default_rng(5))
    model = recommender("nrms")
    whole = score(model, impressions, params, "fp32")
    rows = np.array([17, 3, 3, 29])
    part = score(model, impressions.select(rows), params, "fp32")
    expected = whole[impressions.candidates.positions(rows)]
    np.testing.assert_allclose(part, expected, rtol=1e-5, atol=1e-6)


def test_candidates_that_training_never_showed_are_scored(params):
    """Articles beyond any history or training impression are encoded like all others."""
    impressions = impressions_of([(1, [1], [19, 20, 2], [0, 1, 0])])
    model = recommender("naml")
    np.testing.assert_allclose(
        score(model, impressions, params, "fp32"), naive(model, impressions, params), atol=1e-5
    )


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_scores_are_float32_and_near(params, name):
    impressions = random_impressions(30, articles=20, users=9, rng=np.random.default_rng(6))
    model = recommender(name)
    exact, rough = (score(model, impressions, params, p) for p in ("fp32", "bf16"))
    assert rough.dtype == np.float32
    np.testing.assert_allclose(rough, exact, atol=0.05 * np.abs(exact).max())


@given(st.lists(st.lists(st.integers(1, 4), max_size=4), min_size=1, max_size=30))
def test_first_with_same_history_is_the_first_key_of_a_dict(rows):
    seen: dict[tuple, int] = {}
    expected = [seen.setdefault(tuple(row), i) for i, row in enumerate(rows)]
    assert first_with_same_history(ragged(rows)).tolist() == expected


@given(st.lists(st.lists(st.integers(1, 2**31 - 2), max_size=60), min_size=1, max_size=6))
def test_first_with_same_history_tells_long_histories_and_large_ids_apart(rows):
    rows = rows + rows[::-1] + [row[::-1] for row in rows]
    seen: dict[tuple, int] = {}
    expected = [seen.setdefault(tuple(row), i) for i, row in enumerate(rows)]
    assert first_with_same_history(ragged(rows)).tolist() == expected


def test_first_with_same_history_of_empty_histories():
    assert first_with_same_history(ragged([[], [], []])).tolist() == [0, 0, 0]
