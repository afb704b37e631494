"""Which impressions belong together: those of one user, and those of one clicked article.

An article that a run ranks badly is ranked badly wherever it is clicked, so that the impressions in
which it is clicked err together; and a user's impressions are read with one history. On one test
day the articles matter far more than the users: the variance of a mean of AUC differences is
several times what independent impressions would give (`design_effect`).
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from replication.files.errors import StudyError
from replication.mind.columns.prepared import Impressions
from replication.mind.columns.ragged import Ragged, load_array


@dataclass(frozen=True)
class Clusters:
    """The user and the article of I impressions, each numbered from 0: (I,) int64."""

    user: np.ndarray
    article: np.ndarray

    @classmethod
    def of(cls, user: np.ndarray, article: np.ndarray) -> "Clusters":
        """From any values (I,) that tell users and articles apart. ValueError if I differs."""
        if len(user) != len(article):
            raise ValueError(f"{len(user)} users of {len(article)} articles; expected as many")
        return cls(*(np.unique(np.asarray(v), return_inverse=True)[1] for v in (user, article)))

    @classmethod
    def independent(cls, impressions: int) -> "Clusters":
        """Every impression by itself: what the plain t-test and bootstrap take for granted."""
        own = np.arange(impressions)
        return cls(own, own)

    def __len__(self) -> int:
        return len(self.user)

    def select(self, rows: np.ndarray) -> "Clusters":
        """Those of some impressions; rows: a mask (I,) or places."""
        if rows.dtype == bool and rows.all():
            return self
        return Clusters.of(self.user[rows], self.article[rows])

    @cached_property
    def pair(self) -> np.ndarray:
        """Impressions of one user and one article, numbered from 0: (I,) int64."""
        both = self.user * (self.article.max(initial=0) + 1) + self.article
        return np.unique(both, return_inverse=True)[1]


def most_clicked(values: np.ndarray, offsets: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Of the clicked candidates of each impression, the article that most impressions click: (I,)
    int64, the first of several alike, -1 where none is clicked.

    values, labels: (N,) candidates and their clicks (1 or 0); offsets: (I + 1,).

    An impression with several clicks belongs to several articles; it counts here as one of that
    article alone, which it shares with most others. The clusters are then a partition, which the
    variance of Cameron, Gelbach and Miller and a bootstrap need: sharing an impression out by equal
    weights would split its own error into parts that are taken as independent, and understate it.
    What links two impressions through another click is not counted, so that the design effect is,
    if anything, too small; by the first click it would be smaller still (docs/independence.md).
    """
    clicked = np.flatnonzero(np.asarray(labels) == 1)
    owner = np.searchsorted(offsets, clicked, side="right") - 1
    articles, codes = np.unique(np.asarray(values)[clicked], return_inverse=True)
    clicks = np.bincount(codes)[codes]
    found = np.full(len(offsets) - 1, -1, dtype=np.int64)
    # By clicks, and the earlier one last: the last is what is kept of an impression.
    order = np.lexsort((-clicked, clicks))
    found[owner[order]] = articles[codes[order]]
    return found


def clusters_of(impressions: Impressions) -> Clusters:
    """By user and clicked article."""
    candidates = impressions.candidates
    article = most_clicked(candidates.values, candidates.offsets, impressions.labels)
    return Clusters.of(np.asarray(impressions.user), article)


def prepared_clusters(folder: Path) -> tuple[np.ndarray, Clusters]:
    """MIND's own ids (I,) of the impressions of a prepared split, such as data/prepared/test, and
    their clusters. `StudyError` naming a file that is missing or damaged."""
    try:
        candidates = Ragged.load(folder, "candidates")
        names = ("impression_id", "user", "labels")
        ids, user, labels = (load_array(folder / f"{name}.npy") for name in names)
    except StudyError as error:
        raise StudyError(f"{error}; run `dvc repro prepare`") from error
    article = most_clicked(candidates.values, candidates.offsets, labels)
    return np.asarray(ids), Clusters.of(np.asarray(user), article)


def mean_variance(values: np.ndarray, clusters: Clusters) -> tuple[float, float]:
    """Variance of the mean of `values` (I,), and its degrees of freedom.

    Two-way cluster-robust: that by user plus that by article minus that by both at once
    (C. Cameron, J. Gelbach, D. Miller: Robust Inference With Multiway Clustering, 2011). The sum
    can come out too small, or below zero, where one of the two hardly matters: it is never taken
    to be less than the larger of the two one-way variances (J. MacKinnon, M. Nielsen, M. Webb: Wild
    Bootstrap and Asymptotic Inference With Multiway Clustering, 2021). Each is the jackknife's,
    which leaves one cluster out at a time: large clusters pull the mean towards themselves.

    Degrees of freedom are those of the effective number of clusters of the sparser kind, I^2 over
    the sum of squared sizes, less one. With independent impressions this is the variance and the
    I - 1 degrees of freedom of the plain t-test. Needs two impressions or more; infinite where all
    of them are of one cluster.
    """
    values = np.asarray(values, dtype=np.float64)
    by_user, by_article, by_both = (
        _jackknife(values, groups) for groups in (clusters.user, clusters.article, clusters.pair)
    )
    variance = max(by_user + by_article - by_both, by_user, by_article)
    sizes = [float(effective(np.bincount(g))) for g in (clusters.user, clusters.article)]
    return variance, min(sizes) - 1


def effective(sizes: np.ndarray) -> np.ndarray:
    """Of clusters with these sizes (G, ...), how many of equal size would say as much: (...)."""
    sizes = np.asarray(sizes, dtype=np.float64)
    squares = (sizes**2).sum(axis=0)
    return np.divide(sizes.sum(axis=0) ** 2, squares, out=np.zeros_like(squares), where=squares > 0)


def _jackknife(values: np.ndarray, groups: np.ndarray) -> float:
    sums = np.bincount(groups, weights=values - values.mean())
    sizes = np.bincount(groups)
    count, n = len(sizes), len(values)
    if count < 2:
        return float("inf")
    # The mean without a cluster, less the mean.
    shifts = sums / (n - sizes)
    return float((count - 1) / count * (shifts**2).sum())


def design_effect(values: np.ndarray, groups: np.ndarray) -> float | None:
    """Variance of the sum of `values` (I,) by clusters over that by impressions; NaN left out.

    groups: (I,) cluster of each impression. A standard error that takes impressions as independent
    is too small by its square root. None without variance.
    """
    known = ~np.isnan(values)
    centred = values[known] - values[known].mean() if known.any() else values[known]
    total = float((centred**2).sum())
    if total == 0:
        return None
    sums = np.bincount(np.unique(groups[known], return_inverse=True)[1], weights=centred)
    return float((sums**2).sum()) / total
