"""The test of a contrast against scipy's, by hand, and against planted nothing."""

import numpy as np
import pytest
from scipy import stats

from replication.paper.significance import p_value

NAN = np.nan


def test_with_one_run_each_it_is_the_paired_t_test():
    a, b = np.random.default_rng(1).random((2, 40))
    found = p_value((a - b).mean(), [a[None], -b[None]])
    assert found == pytest.approx(stats.ttest_rel(a, b).pvalue)


def test_without_noise_of_impressions_it_is_welchs_test_over_seeds():
    """Every impression alike: what is left is the runs' means, 3 against 4 of them."""
    a, b = np.array([0.60, 0.62, 0.67]), np.array([0.55, 0.56, 0.60, 0.52])
    terms = [np.repeat(a[:, None], 9, axis=1), -np.repeat(b[:, None], 9, axis=1)]
    found = p_value(a.mean() - b.mean(), terms)
    assert found == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue)


def test_undefined_impressions_count_for_nothing():
    a, b = np.random.default_rng(2).random((2, 3, 30))
    holes = np.concatenate([a, np.full((3, 5), NAN)], axis=1)
    other = np.concatenate([-b, np.ones((3, 5))], axis=1)
    assert p_value(0.1, [holes, other]) == pytest.approx(p_value(0.1, [a, -b]))


@pytest.mark.parametrize(
    ("contrast", "terms", "p"),
    [
        (0.0, [[[1.0, 2.0]], [[-1.0, -2.0]]], 1.0),  # identical runs
        (1.0, [[[2.0, 3.0]], [[-1.0, -2.0]]], None),  # no variance to go by
        (None, [[[NAN, NAN]], [[NAN, NAN]]], None),
        (1.0, [[[1.0]], [[0.0]]], None),
        (0.0, [[[]], [[]]], None),
    ],
)
def test_what_cannot_be_tested(contrast, terms, p):
    assert p_value(contrast, [np.array(term) for term in terms]) == p


@pytest.mark.parametrize("seed_sd", [0.0, 0.05, 1.0])
def test_nothing_is_found_where_there_is_nothing_however_much_seeds_differ(seed_sd):
    """Three seeds each: an interval over so few errs far more often, where seeds dominate."""
    rng = np.random.default_rng(5)
    rejected = 0
    for _ in range(1500):
        shared = rng.normal(size=60)
        a, b = (
            shared + rng.normal(scale=seed_sd, size=(3, 1)) + rng.normal(scale=0.2, size=(3, 60))
            for _ in "ab"
        )
        rejected += p_value(a.mean() - b.mean(), [a, -b]) < 0.05
    assert rejected / 1500 < 0.065


def test_a_difference_that_is_there_is_found():
    rng = np.random.default_rng(6)
    a, b = rng.normal(scale=0.01, size=(2, 3, 50))
    assert p_value(0.05 + a.mean() - b.mean(), [0.05 + a, -b]) < 0.001
