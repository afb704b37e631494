"""Groups that share impressions, counted pair by pair."""

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replication.evaluation.clusters import Clusters
from replication.mind.columns.ragged import Ragged


@given(st.lists(st.lists(st.integers(0, 5), max_size=4), min_size=2, max_size=8), st.integers(0, 9))
def test_linked_impressions_are_those_with_an_article_in_common(rows, seed):
    """Pair by pair: as often as they share one, each with itself once; with users as well."""
    rng = np.random.default_rng(seed)
    user, values = rng.integers(3, size=len(rows)), rng.normal(size=len(rows))
    clicks = Ragged.from_lengths(
        np.array(list(chain.from_iterable(rows)), int), np.array([len(r) for r in rows])
    )
    clusters = Clusters.of(user, clicks)

    def expected(kept, alike):
        sets = [set(row) or {-1} for row in rows]
        shared = [(i, j, 1 if i == j else len(sets[i] & sets[j])) for i in kept for j in kept]
        return sum(k * values[i] * values[j] for i, j, k in shared if alike(i, j))

    kept = rng.permutation(len(rows))[:5]
    for groups, alike in (
        (clusters.article, lambda i, j: True),
        (clusters.pair, lambda i, j: user[i] == user[j]),
    ):
        whole = expected(range(len(rows)), alike)
        assert groups.linked(values) == pytest.approx(whole, abs=1e-9)
        some = groups.select(kept)
        assert some.linked(values[kept]) == pytest.approx(expected(kept, alike), abs=1e-9)
        assert (some.sizes > 0).all()
