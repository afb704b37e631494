"""The naive evaluation gives what the package's does: the same scores, the same metrics."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from naive import evaluation as naive
from tiny_study import impressions_of, random_impressions, recommender

from replication.evaluation.metrics import METRICS, impression_metrics
from replication.evaluation.scoring import score
from replication.mind.columns.prepared import Impressions

ARTICLES = 20


def flat(scores: list[list[float]]) -> np.ndarray:
    return np.array([s for one in scores for s in one])


def metrics_of(scores: np.ndarray, impressions: Impressions) -> np.ndarray:
    found = impression_metrics(scores, impressions.labels, impressions.candidates.offsets)
    return np.stack([found[name] for name in METRICS], axis=1)


def test_scores_and_their_metrics(params):
    """Empty histories, histories over the limit and users with two impressions among them."""
    params = replace(params, history=4)
    impressions = random_impressions(60, ARTICLES, users=9, rng=np.random.default_rng(5))
    model = recommender("nrms").eval()
    with torch.no_grad():
        vectors = model.encode_news(torch.arange(ARTICLES + 1))
    vectors[0] = 0
    labels, scores = naive.score(model, naive.as_text(impressions, params.history), vectors)
    ours = score(model, impressions, params, "fp32")
    np.testing.assert_allclose(flat(scores), ours, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        naive.metrics(labels, scores),
        metrics_of(flat(scores), impressions),
        rtol=0,
        atol=1e-12,
    )


# Each process imports torch and scikit-learn anew.
@pytest.mark.parametrize(
    "computed",
    [naive.metrics, pytest.param(naive.metrics_by_processes, marks=pytest.mark.slow)],
    ids=["here", "by processes"],
)
def test_metrics_of_ties_and_of_one_candidate(computed):
    impressions = impressions_of(
        [(1, [], [1, 2, 3, 4], [0, 1, 1, 0]), (2, [3], [5], [1]), (3, [], [1, 2], [1, 0])]
    )
    scores = [[0.5, 0.5, 0.25, 0.5], [1.0], [0.0, 0.0]]
    labels = [[0, 1, 1, 0], [1], [1, 0]]
    expected = metrics_of(flat(scores), impressions)
    np.testing.assert_allclose(computed(labels, scores), expected, rtol=0, atol=1e-12)
    assert np.isnan(expected[1, 0]) and expected[2, 0] == 0.5
