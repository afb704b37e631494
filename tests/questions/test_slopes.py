"""Slopes and their errors: against other formulas, and against chance."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from replication.evaluation.clusters import Clusters
from replication.mind.columns.ragged import Ragged
from replication.paper.significance import Uncertainty
from replication.questions.slopes import impressions_to_decide, slope, units_to_decide


def invented(rng, n=600, users=150, articles=60, beta=0.0, spread=0.1):
    """AUC with effects of users and articles; x is mostly the article's, as its age is."""
    user, article = rng.integers(users, size=n), rng.integers(articles, size=n)
    x = rng.normal(size=articles)[article] + rng.normal(scale=0.3, size=n)
    y = 0.6 + beta * x + rng.normal(scale=0.2, size=n)
    y += (
        rng.normal(scale=spread, size=users)[user]
        + rng.normal(scale=spread, size=articles)[article]
    )
    return x, y, Clusters.of(user, article)


def test_the_slope_is_that_of_least_squares_where_it_is_defined():
    x, y, clusters = invented(np.random.default_rng(0), beta=0.2)
    y[::7] = np.nan
    found, _ = slope([y], x, clusters)
    known = ~np.isnan(y)
    assert found == pytest.approx(stats.linregress(x[known], y[known]).slope)


def left_out(x, y, members):
    """The jackknife by hand. members: (G, n) bool; who is in k of them counts once, not k times."""
    whole = np.polyfit(x, y, 1)[0]

    def squares(parts):
        return np.array([(np.polyfit(x[~out], y[~out], 1)[0] - whole) ** 2 for out in parts])

    further = (members.sum(axis=0) - 1) @ squares(np.eye(len(x), dtype=bool))
    return (len(members) - 1) / len(members) * (squares(members).sum() - further)


@pytest.mark.parametrize("clicks", [1, 2])
def test_the_error_is_that_of_leaving_out_each_cluster_in_turn(clicks):
    rng = np.random.default_rng(1)
    x, y, _ = invented(rng, n=200)
    user = rng.integers(20, size=200)
    articles = rng.permuted(np.tile(np.arange(15), (200, 1)), axis=1)[:, :clicks]
    rows = Ragged.from_lengths(articles.ravel(), np.full(200, clicks))
    [(variance, _)] = slope([y], x, Clusters.of(user, rows))[1].parts
    users = user == np.arange(20)[:, None]
    clicked = (articles == np.arange(15)[:, None, None]).any(axis=2)
    both = (users[:, None] & clicked).reshape(-1, 200)
    by_user, by_article, by_both = (
        left_out(x, y, kind[kind.any(axis=1)]) for kind in (users, clicked, both)
    )
    assert variance == pytest.approx(max(by_user + by_article - by_both, by_user, by_article))


def test_with_independent_impressions_the_error_is_the_usual_one():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=4000), rng.normal(size=4000)
    _, found = slope([y], x, Clusters.independent(4000))
    assert found.variance**0.5 == pytest.approx(stats.linregress(x, y).stderr, rel=0.05)


def test_no_slope_is_found_no_oftener_than_promised_and_a_naive_test_would_find_one():
    rng = np.random.default_rng(3)
    found, naive = [], []
    for _ in range(300):
        x, y, clusters = invented(rng)
        value, sure = slope([y], x, clusters)
        found.append(sure.p(value) < 0.05)
        naive.append(stats.linregress(x, y).pvalue < 0.05)
    assert np.mean(found) < 0.09
    assert np.mean(naive) > 0.15


def test_the_spread_between_units_counts():
    rng = np.random.default_rng(4)
    x, y, clusters = invented(rng)
    alike = slope([y, y, y], x, clusters)[1]
    differing = slope([y + k * x for k in (-0.2, 0.0, 0.2)], x, clusters)[1]
    assert alike.variance == pytest.approx(slope([y], x, clusters)[1].variance)
    assert differing.parts[1] == (pytest.approx(0.04 / 3), 2)


def test_without_spread_there_is_no_slope():
    y = np.random.default_rng(5).normal(size=50)
    assert slope([y], np.ones(50), Clusters.independent(50)) is None
    assert slope([np.full(50, np.nan)], np.arange(50.0), Clusters.independent(50)) is None


def test_so_many_impressions_decide_as_simulation_says():
    """A slope of 0.05: as many impressions as are told find it four times in five."""
    rng = np.random.default_rng(6)
    n = 200
    x, y = rng.normal(size=n), rng.normal(scale=0.3, size=n)
    _, sure = slope([y], x, Clusters.independent(n))
    told = impressions_to_decide(sure, 0.05, 0.05, n, n)
    many = told["impressions"]
    found = 0
    for _ in range(300):
        x = rng.normal(size=many)
        y = 0.05 * x + rng.normal(scale=0.3, size=many)
        value, sure = slope([y], x, Clusters.independent(many))
        found += sure.p(value) < 0.05
    assert 0.7 < found / 300 < 0.9
    assert impressions_to_decide(sure, 1e-9, 0.05, n, n) is None


def test_so_many_units_decide_as_simulation_says_where_no_number_of_impressions_does():
    """A slope of 0.05 on average over units, between which it has a standard deviation of 0.06."""
    rng = np.random.default_rng(7)
    n, spread = 200, 0.06
    sure = Uncertainty(((0.3**2 / n, n - 2.0), (spread**2 / 2, 1.0)), 0.0)
    assert impressions_to_decide(sure, 0.05, 0.05, n, n) is None
    told = units_to_decide(sure, 0.05, 0.05, n, n)
    units, many = told["units"], told["impressions"]
    assert units % 2 == 0 and units > 2
    found = 0
    for _ in range(300):
        x, noise = rng.normal(size=many), rng.normal(scale=0.3, size=many)
        y = [rng.normal(0.05, spread) * x + noise for _ in range(units)]
        value, sampled = slope(y, x, Clusters.independent(many))
        found += sampled.p(value) < 0.05
    assert 0.7 < found / 300 < 0.97
    half = replace(sure, parts=(sure.parts[0], (spread**2 / (units / 2), units / 2 - 1)))
    assert impressions_to_decide(half, 0.05, 0.05, n, n) is None
    assert units_to_decide(replace(sure, parts=sure.parts[:1]), 0.05, 0.05, n, n) is None
    assert units_to_decide(sure, 1e-9, 0.05, n, n) is None
