"""The test of a contrast against scipy's, by hand, and against planted nothing."""

import numpy as np
import pytest
from scipy import stats

from replication.evaluation.clusters import Clusters
from replication.paper.significance import p_value, uncertainty

NAN = np.nan


def test_with_one_run_each_it_is_the_paired_t_test():
    a, b = np.random.default_rng(1).random((2, 40))
    found = p_value((a - b).mean(), [a[None], -b[None]])
    assert found == pytest.approx(stats.ttest_rel(a, b).pvalue)


def test_the_interval_is_what_the_test_does_not_reject():
    a, b = np.random.default_rng(3).normal(size=(2, 3, 40))
    clusters = Clusters.of(np.arange(40) % 30, np.arange(40) % 8)
    found = uncertainty([a, -b], clusters)
    low, high = found.interval(0.2)
    assert low < 0.2 < high
    assert [found.p(0.2 - low), found.p(high - 0.2)] == pytest.approx([0.05, 0.05])
    flat = uncertainty([np.ones((1, 3)), -np.ones((1, 3))])
    assert flat.interval(0.0) == [0.0, 0.0]
    one_article = uncertainty([a, -b], Clusters.of(np.arange(40), np.zeros(40)))
    assert one_article.interval(0.2) is None and one_article.p(0.2) is None


def test_one_run_takes_the_spread_of_those_that_were_repeated():
    """Impressions alike: what is left is the pooled variance, .5 with 1 and 2 with 2 degrees, which
    are those of the difference too: both places have the one estimate."""
    one = np.full((1, 9), 0.6)
    runs = [np.repeat([[0.0], [1.0]], 9, axis=1), np.repeat([[0.0], [1.0], [2.0]], 9, axis=1)]
    found = uncertainty([one, -one], None, [runs, runs])
    assert found.variance == pytest.approx(2 * 2.5 / 3) and found.freedom == pytest.approx(3)
    assert uncertainty([one, -one]).variance == 0


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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize(("places", "seeds"), [(1, 3), (2, 2), (4, 3)])
def test_a_pooled_spread_counts_its_degrees_of_freedom_once(places, seeds):
    """Two places with one run each and nothing between them; seeds are all that varies. Counted for
    each place, 11, 12 and 7 % of such differences were significant."""
    rng = np.random.default_rng(7)
    rejected = 0
    for _ in range(1500):
        repeated = [np.repeat(rng.normal(size=(seeds, 1)), 5, axis=1) for _ in range(places)]
        a, b = (np.full((1, 5), rng.normal()) for _ in "ab")
        spread = [repeated, [-runs for runs in repeated]]
        rejected += p_value((a - b).mean(), [a, -b], None, spread) < 0.05
    assert rejected / 1500 < 0.067


def test_a_difference_that_is_there_is_found():
    rng = np.random.default_rng(6)
    a, b = rng.normal(scale=0.01, size=(2, 3, 50))
    assert p_value(0.05 + a.mean() - b.mean(), [0.05 + a, -b]) < 0.001
