"""Metrics of impressions with planted effects of users and of clicked articles, and their coverage.

As a command, with the number of impressions and of invented test sets, it prints the coverage of
95 % intervals: `python tests/evaluation/two_way.py 73152 500`.
"""

import sys
from dataclasses import dataclass

import numpy as np
from scipy import stats

from replication.evaluation.clusters import (
    Clusters,
    design_effect,
    mean_variance,
)
from replication.evaluation.intervals import interval, resampled_means
from replication.mind.columns.ragged import Ragged


@dataclass(frozen=True)
class World:
    """Users with about 1.5 impressions each, and articles whose clicks follow Zipf's law.

    user, article: standard deviation of their effects, that of an impression's own noise being 1.
    several: share of impressions with several clicks, 2.5 on average; they have the mean of these
    articles' effects, as an AUC has. The mean of everything is 0.
    """

    impressions: int = 2000
    user: float = 0.3
    article: float = 0.4
    exponent: float = 0.8
    several: float = 0.0

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, Clusters]:
        n = self.impressions
        users, articles = int(n / 1.46), max(10, min(3000, n // 5))
        popular = 1 / np.arange(1, articles + 1) ** self.exponent
        user = rng.integers(users, size=n)
        more = np.zeros(n, dtype=int)
        if self.several:
            more = (rng.random(n) < self.several) * (1 + rng.poisson(0.5, size=n))
        offsets = np.concatenate([[0], np.cumsum(1 + more)])
        article = rng.choice(articles, size=offsets[-1], p=popular / popular.sum())
        values = rng.normal(scale=self.user, size=users)[user] + rng.normal(size=n)
        effects = rng.normal(scale=self.article, size=articles)[article]
        values += np.add.reduceat(effects, offsets[:-1]) / (1 + more)
        return values, Clusters.of(user, Ragged(article, offsets))


def pigeonhole(values: np.ndarray, clusters: Clusters, samples: int, seed: int) -> np.ndarray:
    """Replicates of the mean as Owen (2007) has them: counts of users and articles multiplied."""
    rng = np.random.default_rng(seed)
    weights = np.ones((samples, 1))
    for groups in (clusters.user, clusters.article):
        count = len(groups)
        drawn = rng.multinomial(count, np.full(count, 1 / count), size=samples)
        weights = weights * drawn[:, groups.first]
    return weights @ values / weights.sum(axis=1)


def coverage(world: World, sets: int, samples: int, seed: int = 0, owen: bool = False) -> dict:
    """Share of sets whose 95 % interval holds the true mean, 0: by kind of interval; and the mean
    design effects by user and by article."""
    rng, hits, effects = np.random.default_rng(seed), [], []
    for repetition in range(sets):
        values, clusters = world.draw(rng)
        drawn = resampled_means({"m": values}, samples, repetition, clusters)["m"]
        ends = {"two-way": interval(drawn)}
        if owen:
            ends["pigeonhole"] = interval(pigeonhole(values, clusters, samples, repetition))
        for kind, of in (("sandwich", clusters), ("naive", Clusters.independent(len(values)))):
            variance, freedom = mean_variance(values, of)
            half = stats.t.ppf(0.975, freedom) * np.sqrt(variance)
            ends[kind] = [values.mean() - half, values.mean() + half]
        hits.append({kind: low <= 0 <= high for kind, (low, high) in ends.items()})
        effects.append([design_effect(values, g) for g in (clusters.user, clusters.article)])
    found = {kind: float(np.mean([hit[kind] for hit in hits])) for kind in hits[0]}
    by_user, by_article = np.mean(effects, axis=0)
    return found | {"design effect, user": by_user, "design effect, article": by_article}


if __name__ == "__main__":
    impressions, sets = int(sys.argv[1]), int(sys.argv[2])
    for user, article, several in (
        (0.3, 0.4, 0.0), (0.3, 0.2, 0.0), (0.0, 0.0, 0.0),
        (0.3, 0.4, 0.28), (0.3, 0.2, 0.28), (0.0, 0.0, 0.28), (0.3, 0.4, 1.0),
    ):  # fmt: skip
        # Where an article has more impressions, less of an effect gives the same design effect.
        scale = np.sqrt(2000 / impressions)
        world = World(impressions, user, article * max(scale, 0.2), several=several)
        found = coverage(world, sets, 1000 if impressions > 9999 else 400, owen=impressions < 9999)
        print(world, {kind: round(value, 3) for kind, value in found.items()}, flush=True)
