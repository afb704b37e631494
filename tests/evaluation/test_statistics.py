"""Tests, corrections and trends, against hand computations, scipy and planted truth."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from replication.evaluation.intervals import bootstrap_ci, resampled_means
from replication.evaluation.statistics import (
    correlation_replicates,
    holm,
    paired_tests,
    rank_correlation,
    slope,
)

NAN = np.nan


def compared(a, b, samples, seed):
    """The tests of two runs, and the interval of their difference."""
    gaps = np.atleast_2d(a).mean(axis=0) - np.atleast_2d(b).mean(axis=0)
    ends = bootstrap_ci({"gap": gaps[~np.isnan(gaps)]}, samples, seed)["gap"]
    return paired_tests(a, b) | {"ci95": ends}


# ---------------------------------------------------------------- paired difference


def test_a_difference_computed_by_hand():
    """Gaps 1, 2, 3: t = 2 sqrt(3) with 2 degrees of freedom, where p = 1 - t / sqrt(t^2 + 2)."""
    result = compared(np.array([5.0, 4, 9]), np.array([4.0, 2, 6]), 40000, 1)
    assert (result["difference"], result["impressions"]) == (2, 3)
    assert result["p"] == pytest.approx(1 - np.sqrt(12 / 14), abs=1e-12)
    assert result["p_wilcoxon"] == pytest.approx(0.25)  # the most extreme of 8 signings, two-sided
    # Three impressions are drawn, and widened to t of 2 degrees of freedom: some 4.3 standard
    # errors of 1 / sqrt(3) to either side. The plain percentile interval would be [1, 3].
    assert result["ci95"] == pytest.approx([2 - 4.3 / 3**0.5, 2 + 4.3 / 3**0.5], abs=0.4)


@pytest.mark.slow
def test_interval_covers_a_planted_difference_and_p_is_uniform_without_one():
    rng = np.random.default_rng(3)
    covered = rejected = ranked = 0
    for repetition in range(300):
        difficulty = rng.random(120)
        a, b = (difficulty + rng.normal(scale=0.1, size=120) for _ in "ab")
        low, high = compared(a + 0.02, b, 300, repetition)["ci95"]
        covered += low <= 0.02 <= high
        null = compared(a, b, 10, repetition)
        rejected += null["p"] < 0.05
        ranked += null["p_wilcoxon"] < 0.05
    assert 0.91 <= covered / 300 <= 0.98
    assert 0.02 <= rejected / 300 <= 0.09 and 0.02 <= ranked / 300 <= 0.09


def test_what_both_runs_share_cancels_out():
    rng = np.random.default_rng(5)
    difficulty = rng.normal(scale=10, size=400)
    a, b = difficulty + 0.1, difficulty + rng.normal(scale=0.1, size=400)
    low, high = compared(a, b, 500, 1)["ci95"]
    assert 0 < low < 0.1 < high < 0.2 and high - low == pytest.approx(4 * 0.1 / 20, rel=0.2)


def test_impressions_undefined_in_either_run_are_left_out_of_both():
    a = np.array([NAN, 1.0, 2.0, 4.0, 9.0])
    b = np.array([7.0, NAN, 1.0, 1.0, 7.0])
    assert compared(a, b, 50, 1) == compared(a[2:], b[2:], 50, 1)
    assert compared(a, b, 50, 1)["impressions"] == 3


def test_seeds_are_averaged_first():
    rng = np.random.default_rng(6)
    a, b = rng.random((3, 40)), rng.random((2, 40))
    result = compared(a, b, 50, 1)
    assert result == compared(a.mean(axis=0), b.mean(axis=0), 50, 1)
    assert result["p"] == pytest.approx(stats.ttest_1samp(a.mean(0) - b.mean(0), 0).pvalue)


@pytest.mark.parametrize(
    ("a", "difference"), [([], None), ([NAN, NAN], None), ([0.5], 0.5), ([NAN, 0.75], 0.75)]
)
def test_fewer_than_two_pairs_are_not_tested(a, difference):
    result = compared(np.array(a), np.zeros(len(a)), 20, 1)
    assert result["difference"] == difference
    assert result["ci95"] is result["p"] is result["p_wilcoxon"] is None


def test_equal_runs_and_equal_gaps():
    values = np.random.default_rng(1).random(30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same = compared(values, values, 20, 1)
        shifted = compared(values + 0.1, values, 20, 1)
    one = {"p": 1, "p_naive": 1, "p_wilcoxon": 1}
    assert same == {"difference": 0, "ci95": [0, 0], "impressions": 30} | one
    assert shifted["p"] is None and shifted["p_wilcoxon"] < 1e-4
    assert shifted["ci95"] == pytest.approx([0.1, 0.1])


def test_runs_of_different_impressions_are_refused():
    with pytest.raises(ValueError, match="runs of 3 and 1 impressions"):
        paired_tests(np.zeros(3), np.zeros(1))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=8))
@settings(deadline=None, max_examples=40)  # scipy signs small samples in all 2^n ways
def test_swapping_the_runs_swaps_the_sign(pairs):
    a, b = np.array(pairs, dtype=float).T
    there, back = compared(a, b, 20, 1), compared(b, a, 20, 1)
    assert there["difference"] == -back["difference"]
    assert there["ci95"] == pytest.approx([-bound for bound in back["ci95"][::-1]], abs=1e-9)
    for p in ("p", "p_wilcoxon"):
        assert there[p] == (None if back[p] is None else pytest.approx(back[p], abs=1e-12))


# ---------------------------------------------------------------- Holm


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]) == [1, 1]
    assert holm([0.02, None, 0.03, None]) == [pytest.approx(0.04), None, pytest.approx(0.04), None]
    assert holm([]) == [] and holm([None]) == [None] and holm([0.2]) == [0.2]


@given(st.lists(st.floats(0, 1) | st.none(), max_size=8), st.sampled_from([0.01, 0.05, 0.2]))
def test_holm_rejects_what_stepping_down_rejects(p, alpha):
    """Holm's procedure: the smallest at alpha/m, the next at alpha/(m - 1), ... up to a failure."""
    known = sorted(v for v in p if v is not None)
    rejected = 0
    while rejected < len(known) and known[rejected] * (len(known) - rejected) <= alpha:
        rejected += 1
    adjusted = holm(p)
    assert [v is None for v in adjusted] == [v is None for v in p]
    assert sum(v <= alpha for v in adjusted if v is not None) == rejected
    assert all(v >= raw for v, raw in zip(adjusted, p, strict=True) if raw is not None)


# ---------------------------------------------------------------- rank correlation


def test_rank_correlation_by_hand():
    assert rank_correlation([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(4 / 6)
    assert rank_correlation([1, 2, 3], [1, 1, 2]) == pytest.approx(2 / np.sqrt(6))  # tau-b
    assert rank_correlation([1, None, 2, NAN, 3], [9, 5, 8, 5, 7]) == pytest.approx(-1)


@pytest.mark.parametrize(
    ("x", "y"), [([], []), ([1], [2]), ([1, None], [2, 3]), ([1, 2], [5, 5]), ([1, 1], [2, 3])]
)
def test_no_rank_correlation_of_a_constant_or_of_one_pair(x, y):
    assert rank_correlation(x, y) is None


def tables(n: int) -> st.SearchStrategy:
    """Two to six rows of n small integers, so that there are ties."""
    return st.lists(st.lists(st.integers(0, 4), min_size=n, max_size=n), min_size=2, max_size=6)


@given(st.integers(2, 8).flatmap(tables))
def test_correlation_replicates_are_scipys(rows):
    x, *columns = np.array(rows, dtype=float)
    found = correlation_replicates(x, np.stack(columns, axis=1))
    expected = [stats.kendalltau(x, column).statistic for column in columns]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_correlation_replicates_of_missing_values_are_missing():
    found = correlation_replicates(np.arange(3), np.array([[1, NAN], [2, 1], [3, 0]]))
    assert found[0] == 1 and np.isnan(found[1])


# ---------------------------------------------------------------- slope


def test_slope_is_the_least_squares_line():
    y = np.random.default_rng(1).random((5, 4, 3))
    expected = np.polyfit(np.arange(1, 6), y.reshape(5, -1), 1)[0].reshape(4, 3)
    np.testing.assert_allclose(slope(y), expected, atol=1e-12)
    assert slope(np.array([1.0, 3, 5])) == pytest.approx(2)


def test_slope_leaves_missing_groups_out():
    y = np.array([[0.0, 1, NAN], [NAN, NAN, NAN], [4, 1, NAN], [6, 1, NAN], [9, NAN, 3]])
    expected = np.polyfit([1, 3, 4, 5], [0, 4, 6, 9], 1)[0]
    found = slope(y)
    assert found[:2] == pytest.approx([expected, 0], abs=1e-12) and np.isnan(found[2])
    assert slope(np.array([NAN, 1, NAN, 4, NAN])) == pytest.approx(1.5)
    assert np.isnan(slope(np.full(5, NAN)))


def test_a_planted_trend_over_groups_is_found():
    rng = np.random.default_rng(2)
    group = np.repeat(np.arange(1, 6), 400)
    gain = 0.05 - 0.01 * group + rng.normal(scale=0.05, size=2000)
    cells = {g: np.where(group == g, gain, NAN) for g in range(1, 6)}
    replicates = np.stack(list(resampled_means(cells, 500, 1).values()))  # (5, 500)
    low, high = np.quantile(slope(replicates), [0.025, 0.975])
    assert -0.014 < low < -0.01 < high < -0.006
