"""S1: a verdict that only holds if impressions are independent is told as such."""

import numpy as np
import pytest
from planted import Planted, planted_params

from replication.evaluation.clusters import Clusters
from replication.paper.claims import load_claims
from replication.paper.depths import may_be_best
from replication.paper.judges import judge

CLAIMS = {claim.id: claim for claim in load_claims()}


@pytest.fixture
def params(tmp_path, monkeypatch):
    models = ["glove", "llama-3.1-8b"]
    return planted_params(tmp_path, monkeypatch, models, ["naml"], seeds=(1, 2, 3, 4))


def test_a_difference_of_a_few_articles_hangs_on_independence(params):
    """Fine-tuning is worse in one article of ten, clicked in a tenth of the impressions."""
    planted = Planted(params, impressions=1000)
    article = np.random.default_rng(1).integers(10, size=1000)
    evidence = planted.evidence(lambda cell, clicks: 0.65)
    rng = np.random.default_rng(2)
    noise = {cell.name: rng.normal(0.6, 0.01, 1000) for cell in evidence.cells[evidence.grid[0]]}

    def column(cell, metric):
        base = rng.normal(0.6, 0.01, 1000) if cell.name not in noise else noise[cell.name]
        return base - 0.2 * (article == 0) * (cell.tuning == "finetuned")

    evidence._column = column
    evidence._found = Clusters.of(np.arange(1000), article)
    found = judge(CLAIMS["C7"], evidence, "clean")
    assert found["verdict"] == "undecided" and found["naive"]["verdict"] == "confirmed"
    assert found["hangs_on_independence"] is True
    assert found["design_effect"]["article"] > 20
    assert found["design_effect"]["user"] == pytest.approx(1)
    [part] = found["parts"]
    low, high = part["ci95_naive"]
    assert high < 0 and part["ci95"][0] < low
    assert part["verdict_naive"] == "confirmed"


def test_a_clear_difference_does_not(params):
    evidence = Planted(params, impressions=1500).evidence(
        lambda cell, clicks: 0.65 - 0.05 * (cell.tuning == "finetuned")
    )
    found = judge(CLAIMS["C7"], evidence, "clean")
    assert (found["verdict"], found["naive"]["verdict"]) == ("confirmed", "confirmed")
    assert found["hangs_on_independence"] is False and found["these_runs"] is None
    assert found["design_effect"]["article"] == pytest.approx(1, abs=0.5)


def test_the_best_of_equal_means_is_kept_in_nineteen_of_twenty():
    """Seven equal means, 400 times: each stays with 95 %; of 400, two percentage points are two
    standard deviations."""
    rng = np.random.default_rng(3)
    kept = []
    for _ in range(400):
        means = rng.normal(size=7)
        kept.append(may_be_best(means, means[:, None] + rng.normal(size=(7, 200))))
    assert np.mean(kept) == pytest.approx(0.95, abs=0.025)


def test_means_without_noise_have_one_best():
    means = np.array([0.1, 0.3, 0.2, 0.3])
    found = may_be_best(means, np.repeat(means[:, None], 5, axis=1))
    assert found.tolist() == [False, True, False, True]
