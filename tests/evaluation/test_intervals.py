"""Coverage, pairing and edge cases of the bootstrap."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from replication.evaluation import intervals
from replication.evaluation.clusters import Clusters
from replication.evaluation.intervals import bootstrap_ci, interval, resampled_means


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
    # Columns of one product: a processor may add them up in different orders.
    assert result["a"] == pytest.approx(result["b"], abs=1e-12)
    np.testing.assert_allclose(result["c"], [1 - bound for bound in result["a"][::-1]], atol=1e-12)
    assert bootstrap_ci({"a": values}, 200, 5)["a"] == pytest.approx(result["a"], abs=1e-12)


def test_agrees_with_resampling_one_by_one():
    """The plain bootstrap, where impressions are many: no cluster, no correction of any size."""
    values = np.where(
        np.arange(400) % 7 == 0, np.nan, np.random.default_rng(1).exponential(size=400)
    )
    rng = np.random.default_rng(9)
    means = [np.nanmean(values[rng.integers(400, size=400)]) for _ in range(4000)]
    expected = np.quantile(means, [0.025, 0.975])
    np.testing.assert_allclose(bootstrap_ci({"m": values}, 4000, 9)["m"], expected, atol=0.008)


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


def test_clusters_are_drawn_whole():
    """Two articles of 20 impressions each, alike within, are two observations: the interval is that
    of the t-test on 0 and 1, with one degree of freedom, and not the one of forty."""
    values = np.repeat([0.0, 1.0], 20)
    found = resampled_means({"m": values}, 40_000, 1, Clusters.of(np.arange(40), values))["m"]
    half = stats.t.ppf(0.975, 1) * 0.5
    assert interval(found) == pytest.approx([0.5 - half, 0.5 + half], rel=0.1)
    one_run, flat = resampled_means({"row": values[None], "flat": values}, 50, 9).values()
    np.testing.assert_array_equal(one_run, flat)


def test_clusters_of_other_impressions_are_refused():
    with pytest.raises(ValueError, match="same shape"):
        resampled_means({"a": np.zeros(3)}, 10, 1, Clusters.independent(4))


def test_cells_share_their_impressions():
    rng = np.random.default_rng(4)
    values = rng.random(300)
    found = resampled_means({"a": values, "b": values, "c": values + 0.25}, 100, 5)
    np.testing.assert_allclose(found["a"], found["b"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found["c"] - found["a"], 0.25, atol=1e-12)
    assert np.ptp(found["a"]) > 0.01


def test_seeds_spread_as_students_t_for_each_cell_by_itself():
    """Runs that are constant over impressions leave the seeds alone to vary."""
    runs = np.repeat([[0.0], [1.0], [0.5]], 10, axis=1)
    found = resampled_means({"a": runs, "b": runs}, 40_000, 1)
    for name in "ab":
        low, high = interval(found[name])
        half = stats.t.ppf(0.975, 2) * 0.5 / np.sqrt(3)
        assert [low, high] == pytest.approx([0.5 - half, 0.5 + half], rel=0.06)
    assert abs(stats.spearmanr(found["a"], found["b"]).statistic) < 0.03


def test_one_run_has_the_spread_of_runs_that_were_repeated():
    """Pooled: sums of squares .5 and 2 with 1 and 2 degrees of freedom."""
    repeated = [np.repeat([[0.0], [1.0]], 10, axis=1), np.repeat([[0.0], [1.0], [2.0]], 10, axis=1)]
    one = np.full((1, 10), 0.6)
    found = resampled_means({"cell": one}, 40_000, 1, repeated=repeated)["cell"]
    half = stats.t.ppf(0.975, 3) * np.sqrt(2.5 / 3)
    assert interval(found) == pytest.approx([0.6 - half, 0.6 + half], rel=0.05)
    assert np.ptp(resampled_means({"cell": one}, 100, 1)["cell"]) < 1e-12


def test_spread_between_seeds_is_that_of_the_runs_at_hand():
    means = np.random.default_rng(2).normal(size=6)
    found = resampled_means({"cell": np.repeat(means[:, None], 4, axis=1)}, 20_000, 1)["cell"]
    half = stats.t.ppf(0.975, 5) * means.std(ddof=1) / np.sqrt(6)
    assert interval(found) == pytest.approx([means.mean() - half, means.mean() + half], rel=0.1)


def test_impressions_and_seeds_vary_together():
    """Both sources at once: variances add up, the impressions' being that of the runs' average."""
    rng = np.random.default_rng(7)
    runs = rng.normal(scale=0.5, size=(30, 1)) + rng.normal(size=400)
    found = resampled_means({"cell": runs}, 20_000, 1)["cell"]
    seeds = runs.mean(axis=1).var(ddof=1) / 30
    expected = seeds * 29 / 27 + runs.mean(axis=0).var() / 400  # t of 29 degrees of freedom
    assert found.var() == pytest.approx(expected, rel=0.05)


def test_undefined_values_of_several_runs_are_left_out():
    runs = np.array([[1.0, np.nan, 3.0, 4.0], [1.0, np.nan, 3.0, 4.0]])
    found = resampled_means({"cell": runs, "none": runs * np.nan}, 3000, 3)
    assert np.median(found["cell"]) == pytest.approx(8 / 3, abs=0.1)
    assert np.isnan(found["none"]).all() and not np.isnan(found["cell"]).any()


def test_the_width_of_a_product_is_no_matter(monkeypatch):
    rng = np.random.default_rng(8)
    values = {i: rng.random((1 + i % 3, 50)) for i in range(7)}
    whole = resampled_means(values, 40, 1)
    monkeypatch.setattr(intervals, "PRODUCT_COLUMNS", 2)
    parts = resampled_means(values, 40, 1)
    for name in values:
        np.testing.assert_allclose(parts[name], whole[name], atol=1e-12)


def test_no_cells_and_no_impressions():
    assert resampled_means({}, 10, 1) == {}
    assert np.isnan(resampled_means({"a": np.zeros((2, 0))}, 10, 1)["a"]).all()
    with pytest.raises(ValueError, match="same shape"):
        resampled_means({"a": np.zeros((2, 3)), "b": np.zeros(4)}, 10, 1)


@given(
    st.lists(st.floats(-100, 100), min_size=2, max_size=12),
    st.floats(-3, 3),
    st.floats(-100, 100),
    st.integers(0, 5),
)
def test_replicates_follow_scale_and_shift(values, scale, shift, seed):
    values = np.array(values)
    found = resampled_means({"a": values, "b": scale * values + shift}, 20, seed)
    width = 1 + np.abs(found["a"]).max()
    np.testing.assert_allclose(found["b"], scale * found["a"] + shift, atol=1e-9 * width)


def test_interval_is_the_middle_of_the_replicates():
    replicates = np.random.default_rng(1).permutation(np.arange(101.0))
    assert interval(replicates) == pytest.approx([2.5, 97.5])
    assert interval(replicates, 0.5) == pytest.approx([25, 75])
    assert interval(np.append(replicates, [np.nan] * 30)) == pytest.approx([2.5, 97.5])
    assert interval(np.full(5, np.nan)) is None and interval(np.array([])) is None
