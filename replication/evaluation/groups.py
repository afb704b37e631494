"""Groups of impressions, such as those that click one article: an impression is in several, too."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from replication.mind.columns.ragged import Ragged


@dataclass(frozen=True)
class Groups:
    """I impressions in G groups, none of them empty; an impression is in one or in several.

    matrix: sparse (G, I) float64, 1 where an impression belongs to a group.

    Two impressions are linked once for each group that they share, and every impression to itself
    once, however many groups it is in. With one group each this is the usual partition. With
    several it is what dyads are given that share a node (P. Aronow, C. Samii, V. Assenova:
    Cluster-Robust Variance Estimation for Dyadic Data, 2015); two impressions that share two groups
    count twice here, which keeps sums linear in time and errs on the side of too much.
    """

    matrix: sparse.csr_array

    @classmethod
    def of(cls, values: np.ndarray | Ragged) -> "Groups":
        """By values that tell groups apart: (I,) of one group each, or I rows of several, repeats
        counted once. Impressions without any are a group together."""
        if not isinstance(values, Ragged):
            values = Ragged(np.asarray(values), np.arange(len(values) + 1))
        lengths = values.lengths
        _, group = np.unique(values.values, return_inverse=True)
        empty = np.flatnonzero(lengths == 0)
        impression = np.concatenate([np.repeat(np.arange(len(lengths)), lengths), empty])
        group = np.concatenate([group, np.full(len(empty), group.max(initial=-1) + 1)])
        return cls._from(group, impression, len(lengths))

    @classmethod
    def _from(cls, group: np.ndarray, impression: np.ndarray, impressions: int) -> "Groups":
        shape = (int(group.max(initial=-1)) + 1, impressions)
        matrix = sparse.csr_array((np.ones(len(group)), (group, impression)), shape=shape)
        matrix.data[:] = 1  # repeats have been added up
        return cls(matrix)

    def __len__(self) -> int:
        return self.matrix.shape[0]

    @cached_property
    def sizes(self) -> np.ndarray:
        """Impressions of each group: (G,) int64."""
        return np.diff(self.matrix.indptr).astype(np.int64)

    @cached_property
    def further(self) -> np.ndarray:
        """How many groups each impression is in, but for one: (I,) float64."""
        return self.matrix.sum(axis=0) - 1

    @cached_property
    def first(self) -> np.ndarray:
        """A group of each impression, its only one if it has one: (I,) int64."""
        by_impression = self.matrix.tocsc()
        return by_impression.indices[by_impression.indptr[:-1]].astype(np.int64)

    def select(self, rows: np.ndarray) -> "Groups":
        """Of some impressions; rows: a mask (I,) or places."""
        part = self.matrix[:, rows]
        return Groups(part[np.diff(part.indptr) > 0])

    def crossed(self, labels: np.ndarray) -> "Groups":
        """Impressions that share a group and have the same label (I,), an integer from 0."""
        group, impression = self.matrix.nonzero()
        both = labels[impression] * np.int64(len(self)) + group
        found = np.unique(both, return_inverse=True)[1]
        return Groups._from(found, impression, self.matrix.shape[1])

    def sums(self, columns: np.ndarray) -> np.ndarray:
        """Of (I, ...) by group: (G, ...)."""
        return self.matrix @ columns

    def linked(self, columns: np.ndarray) -> np.ndarray:
        """Of (I, ...), the sum over linked pairs of impressions of the product of their values:
        (...). With one group each: the squares of the groups' sums."""
        own = (self.further * (columns**2).T).T
        return (self.sums(columns) ** 2).sum(axis=0) - own.sum(axis=0)


def effective(groups: Groups, weights: np.ndarray) -> np.ndarray:
    """How many groups of equal weight would say as much, by weights (I, ...): (...)."""
    linked = groups.linked(weights)
    total = weights.sum(axis=0) ** 2
    return np.divide(total, linked, out=np.zeros_like(linked), where=linked > 0)
