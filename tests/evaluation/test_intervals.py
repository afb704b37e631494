"""Coverage, pairing and edge cases of the bootstrap."""

import numpy as np
import pytest

from replication.evaluation import intervals
from replication.evaluation.intervals import bootstrap_ci


def test_coverage_of_a_planted_mean():
    rng = np.random.default_rng(3)
    covered = 0
    for repetition in range(200):
        draws = rng.normal(loc=0.6, scale=0.2, size=150)
        low, high = bootstrap_ci({"auc": draws}, samples=400, seed=repetition)["auc"]
        covered += low <= 0.6 <= high
    assert 0.90 <= covered / 200 <= 0.99


def test_width_follows_the_standard_error():
    values = np.random.default_rng(1).normal(size=5000)
    low, high = bootstrap_ci({"m": values}, samples=2000, seed=1)["m"]
    assert high - low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(5000), rel=0.1)
    assert low < values.mean() < high
    narrow = bootstrap_ci({"m": values}, samples=2000, seed=1, level=0.5)["m"]
    assert low < narrow[0] < narrow[1] < high


def test_undefined_impressions_are_left_out():
    rng = np.random.default_rng(2)
    values = rng.normal(size=2000)
    holed = np.where(rng.random(2000) < 0.5, np.nan, values)
    low, high = bootstrap_ci({"m": holed}, samples=1000, seed=1)["m"]
    kept = holed[~np.isnan(holed)]
    assert low < kept.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * kept.std() / np.sqrt(len(kept)), rel=0.15)


def test_all_metrics_see_the_same_resamples():
    values = np.random.default_rng(4).random(300)
    result = bootstrap_ci({"a": values, "b": values, "c": 1 - values}, samples=200, seed=5)
    assert result["a"] == result["b"]
    np.testing.assert_allclose(result["c"], [1 - bound for bound in result["a"][::-1]], atol=1e-12)
    assert bootstrap_ci({"a": values}, 200, 5)["a"] == pytest.approx(result["a"], abs=1e-12)


def test_agrees_with_resampling_one_by_one():
    values = np.where(np.arange(40) % 7 == 0, np.nan, np.arange(40.0))
    rng = np.random.default_rng(9)
    means = [np.nanmean(values[rng.integers(40, size=40)]) for _ in range(500)]
    expected = np.quantile(means, [0.025, 0.975])
    np.testing.assert_allclose(bootstrap_ci({"m": values}, 500, 9)["m"], expected, atol=1e-12)


def test_same_seed_same_interval_other_seed_another():
    values = {"m": np.random.default_rng(6).random(500)}
    assert bootstrap_ci(values, 100, 1) == bootstrap_ci(values, 100, 1)
    assert bootstrap_ci(values, 100, 1) != bootstrap_ci(values, 100, 2)


def test_the_size_of_a_chunk_is_no_matter(monkeypatch):
    values = {"m": np.random.default_rng(8).random(100)}
    whole = bootstrap_ci(values, 50, 1)["m"]
    monkeypatch.setattr(intervals, "CHUNK_CELLS", 700)  # seven resamples at a time, the last one
    assert bootstrap_ci(values, 50, 1)["m"] == pytest.approx(whole, abs=1e-12)


@pytest.mark.parametrize("values", [[], [0.5], [np.nan, np.nan], [0.5, np.nan, np.nan]])
def test_fewer_than_two_defined_impressions_have_no_interval(values):
    assert bootstrap_ci({"m": np.array(values)}, 100, 1) == {"m": None}


def test_a_constant_has_a_point():
    assert bootstrap_ci({"m": np.full(10, 0.25)}, 100, 1) == {"m": [0.25, 0.25]}


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="same shape"):
        bootstrap_ci({"a": np.zeros(3), "b": np.zeros(4)}, 10, 1)
