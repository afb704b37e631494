"""Which impressions depend on each other: those of one user, and those that click one article.

An article that a run ranks badly is ranked badly wherever it is clicked, so that the impressions in
which it is clicked err together; and a user's impressions are read with one history. On one test
day the articles matter far more than the users: the variance of a mean of AUC differences is
several times what independent impressions would give (`design_effect`). An impression with several
clicks depends on all that click any of its articles.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from replication.evaluation.groups import Groups, effective
from replication.files.errors import StudyError
from replication.mind.columns.prepared import Impressions
from replication.mind.columns.ragged import Ragged, load_array


@dataclass(frozen=True)
class Clusters:
    """I impressions by user, of which each has one, and by clicked article: one or several."""

    user: Groups
    article: Groups

    @classmethod
    def of(cls, user: np.ndarray, article: np.ndarray | Ragged) -> "Clusters":
        """From values (I,), or I rows of articles, that tell users and articles apart. ValueError
        if I differs."""
        if len(user) != len(article):
            raise ValueError(f"{len(user)} users of {len(article)} articles; expected as many")
        return cls(Groups.of(np.asarray(user)), Groups.of(article))

    @classmethod
    def independent(cls, impressions: int) -> "Clusters":
        """Every impression by itself: what the plain t-test and bootstrap take for granted."""
        own = Groups.of(np.arange(impressions))
        return cls(own, own)

    def __len__(self) -> int:
        return self.user.matrix.shape[1]

    def select(self, rows: np.ndarray) -> "Clusters":
        """Those of some impressions; rows: a mask (I,) or places."""
        if rows.dtype == bool and rows.all():
            return self
        return Clusters(self.user.select(rows), self.article.select(rows))

    @cached_property
    def pair(self) -> Groups:
        """Impressions of one user that click the same article."""
        return self.article.crossed(self.user.first)


def clicked_articles(candidates: Ragged, labels: np.ndarray) -> Ragged:
    """The clicked candidates of I impressions: I rows of articles, empty where none is clicked.

    candidates: I rows of articles; labels: (N,) their clicks, 1 or 0.
    """
    clicked = np.flatnonzero(np.asarray(labels) == 1)
    ends = np.searchsorted(clicked, candidates.offsets)
    return Ragged(np.asarray(candidates.values)[clicked], ends)


def clusters_of(impressions: Impressions) -> Clusters:
    """By user and clicked article."""
    articles = clicked_articles(impressions.candidates, impressions.labels)
    return Clusters.of(np.asarray(impressions.user), articles)


def prepared_clusters(folder: Path) -> tuple[np.ndarray, Clusters]:
    """MIND's own ids (I,) of the impressions of a prepared split, such as data/prepared/test, and
    their clusters. `StudyError` naming a file that is missing or damaged."""
    try:
        candidates = Ragged.load(folder, "candidates")
        names = ("impression_id", "user", "labels")
        ids, user, labels = (load_array(folder / f"{name}.npy") for name in names)
    except StudyError as error:
        raise StudyError(f"{error}; run `dvc repro prepare`") from error
    return np.asarray(ids), Clusters.of(np.asarray(user), clicked_articles(candidates, labels))


def mean_variance(values: np.ndarray, clusters: Clusters) -> tuple[float, float]:
    """Variance of the mean of `values` (I,), and its degrees of freedom.

    Two-way cluster-robust: that by user plus that by article minus that by both at once
    (C. Cameron, J. Gelbach, D. Miller: Robust Inference With Multiway Clustering, 2011). The sum
    can come out too small, or below zero, where one of the two hardly matters: it is never taken
    to be less than the larger of the two one-way variances (J. MacKinnon, M. Nielsen, M. Webb: Wild
    Bootstrap and Asymptotic Inference With Multiway Clustering, 2021). Each is the jackknife's,
    which leaves one cluster out at a time: large clusters pull the mean towards themselves. What an
    impression with several clicks adds by itself is counted once (`groups`).

    Degrees of freedom are those of the effective number of clusters of the sparser kind, I^2 over
    the number of linked pairs, less one. With independent impressions this is the variance and the
    I - 1 degrees of freedom of the plain t-test. Needs two impressions or more; infinite where all
    of them are of one cluster.
    """
    values = np.asarray(values, dtype=np.float64)
    by_user, by_article, by_both = (
        _jackknife(values, groups) for groups in (clusters.user, clusters.article, clusters.pair)
    )
    variance = max(by_user + by_article - by_both, by_user, by_article)
    ones = np.ones(len(values))
    return variance, min(float(effective(g, ones)) for g in (clusters.user, clusters.article)) - 1


def _jackknife(values: np.ndarray, groups: Groups) -> float:
    centred, n, count = values - values.mean(), len(values), len(groups)
    rest = n - groups.sizes
    if not rest.all():
        return float("inf")
    # The mean without a cluster, or without one impression, less the mean.
    shifts, own = groups.sums(centred) / rest, centred / (n - 1)
    return float((count - 1) / count * ((shifts**2).sum() - (groups.further * own**2).sum()))


def design_effect(values: np.ndarray, groups: Groups) -> float | None:
    """Variance of the sum of `values` (I,) by groups over that by impressions; NaN left out.

    A standard error that takes impressions as independent is too small by its square root. None
    without variance.
    """
    known = ~np.isnan(values)
    centred = values[known] - values[known].mean() if known.any() else values[known]
    total = float((centred**2).sum())
    return float(groups.select(known).linked(centred)) / total if total else None
