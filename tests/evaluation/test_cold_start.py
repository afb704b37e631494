"""Groups of users by clicks under both rules, and the metrics of each group."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_study import impressions_of

from replication.evaluation.cold_start import HALVES, cold_start, user_groups
from replication.evaluation.metrics import METRICS
from replication.mind.columns.prepared import Impressions


def shown(*rows: tuple[int, list[int]]) -> Impressions:
    """Impressions of (user, click history), with a candidate each."""
    return impressions_of([(user, clicks, [1, 2], [1, 0]) for user, clicks in rows])


def groups(*rows: tuple[int, list[int]], rule: str = "users", history: int = 50) -> list[int]:
    return user_groups(shown(*rows), rule, history).tolist()


# ---------------------------------------------------------------- groups


def test_borders_are_percentiles_over_users_not_impressions():
    """Users 1 to 6 with 0 to 5 clicks: borders 1, 2, 3, 4, and what equals one goes down."""
    users = [(u, list(range(u - 1))) for u in range(1, 7)]
    assert groups(*users) == [1, 1, 2, 3, 4, 5]
    assert groups(*users, *[users[5]] * 20) == [1, 1, 2, 3, 4, 5] + [5] * 20
    found = user_groups(shown(*users), "users", 50)
    assert found.dtype == np.int8
    assert user_groups(shown(*users), "users", 50, HALVES).tolist() == [1, 1, 1, 2, 2, 2]


def test_a_user_with_several_histories_counts_once_by_the_longest():
    users = [(u, list(range(u - 1))) for u in range(1, 7)]
    assert groups(*users, (6, [])) == [1, 1, 2, 3, 4, 5, 5]
    # By the histories alone, user 6's empty one is in the coldest group.
    assert groups(*users, (6, []), rule="histories") == [1, 1, 2, 3, 4, 5, 1]


def test_as_released_users_with_the_same_history_are_one_and_clicks_are_cut():
    rows = [(u, []) for u in range(1, 9)] + [(9, [1]), (10, [1, 2]), (11, [1, 2, 3])]
    # Four histories of 0 to 3 clicks: borders 0.6, 1.2, 1.8, 2.4.
    assert groups(*rows, rule="histories") == [1] * 8 + [2, 4, 5]
    # Eleven users, eight without a click: borders 0, 0, 0, 1.
    assert groups(*rows, rule="users") == [1] * 8 + [4, 5, 5]
    # Cut at 2, clicks are 0, 1, 2, 2: borders 0.6, 1.2, 1.8, 2. The hottest group is empty.
    assert groups(*rows, rule="histories", history=2) == [1] * 8 + [2, 4, 4]
    assert groups(*rows, rule="users", history=2) == groups(*rows, rule="users")


def test_histories_that_agree_only_once_cut_stay_two():
    rows = [(1, [1, 2, 3]), (2, [1, 2, 4]), (3, []), (4, [5])]
    # Clicks 2, 2, 0, 1: borders 0.6, 1.2, 1.8, 2; as one history they would be 0.4, 0.8, 1.2, 1.6.
    assert groups(*rows, rule="histories", history=2) == [4, 4, 1, 2]


def test_one_user_and_none():
    assert groups((1, [1, 2])) == [1]
    none = shown((1, [1, 2])).select(np.array([], dtype=np.int64))
    assert user_groups(none, "users", 50).shape == user_groups(none, "histories", 50).shape == (0,)


def test_histories_that_no_impression_refers_to_do_not_count():
    users = [(u, list(range(u - 1))) for u in range(1, 7)]
    others = [(u, list(range(60))) for u in range(7, 30)]
    chosen = shown(*users, *others).select(np.arange(6))
    for rule in ("users", "histories"):
        assert user_groups(chosen, rule, 50).tolist() == groups(*users)


@given(
    st.lists(
        st.tuples(st.integers(1, 6), st.lists(st.integers(1, 3), max_size=6)),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from(["users", "histories"]),
    st.integers(1, 5),
)
def test_groups_are_those_of_dictionaries(rows, rule, history):
    if rule == "users":
        counted: dict = {}
        for user, clicks in rows:
            counted[user] = max(counted.get(user, 0), len(clicks))
        own = [counted[user] for user, _ in rows]
    else:
        counted = {tuple(clicks): min(len(clicks), history) for _, clicks in rows}
        own = [counted[tuple(clicks)] for _, clicks in rows]
    borders = np.quantile(list(counted.values()), [0.2, 0.4, 0.6, 0.8])
    expected = [1 + sum(clicks > border for border in borders) for clicks in own]
    assert groups(*rows, rule=rule, history=history) == expected


# ---------------------------------------------------------------- metrics of groups


def metrics_of(values: np.ndarray) -> dict[str, np.ndarray]:
    """Each metric another multiple of `values`; `tied` as `impression_metrics` has it."""
    return {m: values * (i + 1) for i, m in enumerate(METRICS)} | {"tied": values > 0}


def test_each_group_by_hand():
    values = np.array([0.1, 0.3, np.nan, 0.5, 0.9])
    lengths = np.array([0, 3, 4, 6, 9])
    fives, users = np.array([1, 1, 2, 5, 5]), np.array([7, 8, 8, 9, 9])
    halves = np.array([1, 1, 1, 2, 2])
    found = cold_start(metrics_of(values), lengths, fives, users, 200, 1, halves)
    assert [g["group"] for g in found["groups"]] == [1, 2, 3, 4, 5]
    first, second, third, _, fifth = found["groups"]
    assert (first["users"], first["impressions"], first["clicks_mean"]) == (2, 2, 1.5)
    assert (first["clicks_min"], first["clicks_max"]) == (0, 3)
    assert [first[m] for m in METRICS] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    # Two impressions say next to nothing of others: Student's t of one degree of freedom.
    low, high = first["ci95"]["auc"]
    assert low < 0.1 and high > 0.3
    assert (second["impressions"], second["auc"]) == (1, None)  # undefined there
    assert (fifth["users"], fifth["impressions"]) == (1, 2)
    assert fifth["clicks_mean"] == fifth["clicks_min"] == fifth["clicks_max"] == 9
    nothing = dict.fromkeys(["clicks_mean", "clicks_min", "clicks_max", *METRICS])
    empty = {"users": 0, "impressions": 0, **nothing, "ci95": dict.fromkeys(METRICS)}
    assert third == {"group": 3, **empty}
    few, many = found["at_most_5"], found["more_than_5"]
    assert (few["users"], few["impressions"], few["clicks_mean"]) == (2, 3, 2.0)
    assert few["auc"] == pytest.approx(0.2) and many["auc"] == pytest.approx(0.7)
    assert (found["lower_half"], found["upper_half"]) == (few, many)
    json.dumps(found, allow_nan=False)


def test_without_halves_there_are_none_and_without_impressions_all_is_null():
    nothing = np.array([])
    found = cold_start(metrics_of(nothing), nothing, nothing, nothing, 20, 1)
    assert list(found) == ["groups", "at_most_5", "more_than_5"]
    assert all(g["impressions"] == 0 and g["auc"] is None for g in found["groups"])


@pytest.mark.slow
def test_intervals_cover_what_was_planted_in_each_group():
    rng = np.random.default_rng(4)
    five = np.repeat(np.arange(1, 6), 60)
    covered = np.zeros(5)
    for repetition in range(200):
        values = 0.5 + 0.05 * five + rng.normal(scale=0.1, size=300)
        found = cold_start(metrics_of(values), five, five, np.arange(300), 200, repetition)
        for g, group in enumerate(found["groups"]):
            low, high = group["ci95"]["auc"]
            covered[g] += low <= 0.5 + 0.05 * (g + 1) <= high
    assert (covered / 200 > 0.88).all() and 0.92 < covered.mean() / 200 < 0.97


def test_groups_make_up_the_whole():
    rng = np.random.default_rng(5)
    values, five = rng.random(500), rng.integers(1, 6, 500)
    lengths, users = rng.integers(0, 20, 500), rng.integers(0, 80, 500)
    found = cold_start(metrics_of(values), lengths, five, users, 20, 1)
    for parts in (found["groups"], [found["at_most_5"], found["more_than_5"]]):
        sizes = [p["impressions"] for p in parts]
        assert sum(sizes) == 500
        mean = sum(n * p["auc"] for n, p in zip(sizes, parts, strict=True)) / 500
        assert mean == pytest.approx(values.mean())
