"""Clusters, their variance against other routes to it, and coverage on planted effects."""

import numpy as np
import pytest
from tiny_study import impressions_of
from two_way import World, coverage

from replication.evaluation.clusters import (
    Clusters,
    clusters_of,
    design_effect,
    mean_variance,
)
from replication.evaluation.groups import Groups, effective
from replication.evaluation.intervals import resampled_means
from replication.mind.columns.ragged import Ragged

NAN = np.nan


def of(values) -> Groups:
    return Groups.of(np.asarray(values))


def test_an_impression_belongs_to_every_article_that_it_clicks():
    rows = [(7, [1], [4, 5, 6], [0, 1, 1]), (8, [1], [5, 4], [1, 0]), (7, [2], [6], [0])]
    found = clusters_of(impressions_of(rows))
    assert found.user.matrix.toarray().tolist() == [[1, 0, 1], [0, 1, 0]]
    # By articles 5 and 6; the last, which clicks none, stands apart.
    assert found.article.matrix.toarray().tolist() == [[1, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert found.article.further.tolist() == [1, 0, 0]
    assert len(found) == 3 and len(found.select(np.array([True, True, False]))) == 2
    with pytest.raises(ValueError, match="3 users of 2 articles"):
        Clusters.of(np.arange(3), np.arange(2))


def test_independent_impressions_give_the_plain_t_test():
    values = np.random.default_rng(1).normal(size=50)
    variance, freedom = mean_variance(values, Clusters.independent(50))
    assert variance == pytest.approx(values.var(ddof=1) / 50) and freedom == pytest.approx(49)


def test_the_variance_is_that_of_leaving_clusters_out():
    """Users alone in their impressions, so that articles are all: the jackknife by hand."""
    rng = np.random.default_rng(2)
    article = rng.integers(6, size=40)
    values = rng.normal(size=6)[article] + rng.normal(size=40)
    without = [values[article != a].mean() for a in range(6)]
    expected = 5 / 6 * sum((mean - values.mean()) ** 2 for mean in without)
    variance, freedom = mean_variance(values, Clusters.of(np.arange(40), article))
    assert variance == pytest.approx(expected)
    sizes = np.bincount(article)
    assert freedom == pytest.approx(40**2 / (sizes**2).sum() - 1)
    assert effective(of(article), np.ones(40)) == pytest.approx(freedom + 1)


def test_several_clicks_are_left_out_with_each_article_and_count_once():
    rng = np.random.default_rng(8)
    members = rng.random((6, 40)) < 0.3
    members[0] |= ~members.any(axis=0)
    values = rng.normal(size=6) @ members + rng.normal(size=40)
    rows = Ragged.from_lengths(np.nonzero(members.T)[1], members.sum(axis=0))

    def squares(parts):
        return np.array([(values[~out].mean() - values.mean()) ** 2 for out in parts])

    further = (members.sum(axis=0) - 1) @ squares(np.eye(40, dtype=bool))
    variance, freedom = mean_variance(values, Clusters.of(np.arange(40), rows))
    assert variance == pytest.approx(5 / 6 * (squares(members).sum() - further))
    shared = (members.T.astype(int) @ members).astype(float)
    np.fill_diagonal(shared, 1)
    assert freedom == pytest.approx(40**2 / shared.sum() - 1)


def test_two_ways_add_up_and_never_fall_below_one():
    """A full grid of 20 users and 30 articles, each pair once: both variances less the plain."""
    user, article = (part.ravel() for part in np.indices((20, 30)))
    rng = np.random.default_rng(3)
    values = rng.normal(size=20)[user] + rng.normal(size=30)[article] + rng.normal(size=600)
    one_way = [
        mean_variance(values, Clusters.of(groups, groups))[0]
        for groups in (user, article, np.arange(600))
    ]
    found, freedom = mean_variance(values, Clusters.of(user, article))
    assert found == pytest.approx(one_way[0] + one_way[1] - one_way[2])
    assert freedom == pytest.approx(19)
    # Within a user effects cancel out: what articles show is not taken back.
    cancelling = np.tile([1.0, -1.0], 300) + 0.01 * values
    alone = mean_variance(cancelling, Clusters.of(article, article))[0]
    assert mean_variance(cancelling, Clusters.of(user, article))[0] >= alone > 0


@pytest.mark.parametrize("clicked", [[[1], [1], [1], [1]], [[1], [1, 2], [1, 3], [3, 1]]])
def test_an_article_of_all_impressions_tells_nothing_of_others(clicked):
    rows = Ragged.from_lengths(np.concatenate(clicked), np.array([len(c) for c in clicked]))
    clusters = Clusters.of(np.arange(4), rows)
    assert mean_variance(np.arange(4.0), clusters)[0] == np.inf
    assert np.isnan(resampled_means({"m": np.arange(4.0)}, 9, 1, clusters)["m"]).all()


def test_design_effects():
    assert design_effect(np.array([1.0, 1, -1, -1]), of([0, 0, 1, 1])) == 2
    assert design_effect(np.array([1.0, -1, NAN, 1, -1]), of([0, 0, 0, 1, 1])) == 0
    assert design_effect(np.ones(4), of(np.arange(4))) is None
    assert design_effect(np.array([NAN]), of([0])) is None
    for several in (0.0, 0.3):
        values, clusters = World(article=0.6, several=several).draw(np.random.default_rng(1))
        assert design_effect(values, clusters.article) > 5
        mixed = clusters.article.select(np.random.default_rng(2).permutation(len(values)))
        assert design_effect(values, mixed) == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize(
    "world",
    [World(), World(user=0.0, article=0.0), World(user=1.0), World(several=0.3), World(several=1)],
)
def test_replicates_have_the_variance_of_the_test(world):
    values, clusters = world.draw(np.random.default_rng(4))
    drawn = resampled_means({"m": values}, 20_000, 1, clusters)["m"]
    variance, freedom = mean_variance(values, clusters)
    # Student's t is wider than its scale; a variance of 20,000 has an error of 1 %.
    assert drawn.var() == pytest.approx(variance * freedom / (freedom - 2), rel=0.04)


@pytest.mark.parametrize("several", [0.0, 0.3])
def test_replicates_of_differences_have_the_variance_of_their_test(several):
    """What users do alike in two runs is no error of their difference, and what only one has is."""
    rng = np.random.default_rng(5)
    base, clusters = World(several=several).draw(rng)
    by_user = rng.normal(scale=1.5, size=len(clusters.user))[clusters.user.first]
    noise = rng.normal(size=(3, len(base)))
    cells = {"a": base + by_user + noise[0], "b": base + by_user + noise[1], "c": base + noise[2]}
    drawn = resampled_means(cells, 20_000, 1, clusters)
    for one, other in (("a", "b"), ("a", "c"), ("b", "c")):
        variance, freedom = mean_variance(cells[one] - cells[other], clusters)
        found = (drawn[one] - drawn[other]).var()
        assert found == pytest.approx(variance * freedom / (freedom - 2), rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "world",
    [
        World(),
        World(user=0.5, article=0.3, exponent=0.5),
        World(several=0.28),
        World(several=1.0),
    ],
)
def test_intervals_and_tests_hold_what_they_say(world):
    """250 sets: the standard deviation of a share of .95 is .014. The true coverage, measured on
    more (docs/independence.md), is within .93 to .97, so that .89 to .995 leaves two to three of
    them at either end, and the naive interval is far outside."""
    found = coverage(world, 250, 300)
    assert 0.89 <= found["two-way"] <= 0.995 and 0.89 <= found["sandwich"] <= 0.995
    assert found["naive"] < 0.85


@pytest.mark.slow
def test_coverage_at_the_size_of_mind_small():
    found = coverage(World(73_152, 0.3, 0.08), 100, 300)
    assert 0.88 <= found["two-way"] <= 0.995 and found["naive"] < 0.9


def test_a_thousand_resamples_of_mind_small_s_size_are_quick():
    """40 runs at once took 1 s where this was written; 10 s are what a person waits for."""
    import time

    values, clusters = World(73_152).draw(np.random.default_rng(5))
    started = time.perf_counter()
    resampled_means({i: values + i for i in range(8)}, 1000, 1, clusters)
    assert time.perf_counter() - started < 10
