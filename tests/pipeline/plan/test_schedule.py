"""The schedule against cases worked out by hand, and against what holds of every schedule."""

from graphlib import CycleError
from itertools import pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replication.pipeline.plan.schedule import critical_path, schedule


def took(seconds, needs, devices):
    return max(p.end for p in schedule(seconds, needs, devices))


@pytest.mark.parametrize(
    ("seconds", "needs", "devices", "expected"),
    [
        ([4, 3, 3, 2], {}, 2, 6),  # 4 + 2 beside 3 + 3: the optimum
        ([2, 2, 2, 3, 3], {}, 2, 7),  # LPT's gap: 3 + 2 + 2 beside 3 + 2, where 6 is possible
        ([5, 1, 1, 1, 1, 1], {}, 2, 5),  # the long one first, the short ones beside it
        ([1, 1, 1, 1, 1, 5], {}, 2, 5),
        ([2, 3, 4], {1: [0], 2: [1]}, 2, 9),  # a chain: a second device does not help
        ([1, 6, 2, 2, 2], {1: [0]}, 2, 7),  # what the chain waits for comes first, though short
        ([3, 3, 3], {}, 3, 3),
        ([2, 2, 1], {2: [0, 1]}, 2, 3),
    ],
)  # fmt: skip
def test_by_hand(seconds, needs, devices, expected):
    named = {str(i): float(s) for i, s in enumerate(seconds)}
    assert took(named, {str(k): [str(n) for n in v] for k, v in needs.items()}, devices) == expected


def test_order_and_devices_by_hand():
    """a (1) must precede b (6); c, d and e take 2 each."""
    seconds = {"c": 2.0, "a": 1.0, "d": 2.0, "b": 6.0, "e": 2.0}
    found = schedule(seconds, {"b": ["a"]}, 2)
    assert [(p.name, p.device, p.start, p.end) for p in found] == [
        ("a", 0, 0, 1), ("c", 1, 0, 2), ("b", 0, 1, 7), ("d", 1, 2, 4), ("e", 1, 4, 6),
    ]  # fmt: skip
    assert critical_path(seconds, {"b": ["a"]}) == ["a", "b"]


def test_the_critical_path_is_the_longest_chain_not_the_one_of_most_stages():
    seconds = {"a": 1.0, "b": 1.0, "c": 1.0, "d": 9.0}
    assert critical_path(seconds, {"b": ["a"], "c": ["b"], "d": ["a"]}) == ["a", "d"]


def test_a_circle_is_refused():
    with pytest.raises(CycleError):
        schedule({"a": 1.0, "b": 1.0}, {"a": ["b"], "b": ["a"]}, 1)


def test_nothing_to_do():
    assert schedule({}, {}, 4) == [] and critical_path({}, {}) == []


@st.composite
def graphs(draw, most=12):
    """Stages whose needs stand before them."""
    seconds = draw(st.lists(st.integers(0, 20), min_size=1, max_size=most))
    needs = {
        str(i): draw(st.sets(st.integers(0, i - 1).map(str), max_size=3))
        for i in range(1, len(seconds))
    }
    return {str(i): float(s) for i, s in enumerate(seconds)}, needs


@settings(deadline=None, max_examples=60)
@given(graphs(), st.integers(1, 5))
def test_every_schedule_is_one_and_within_its_bounds(graph, devices):
    seconds, needs = graph
    placed = schedule(seconds, needs, devices)
    at = {p.name: p for p in placed}
    assert at.keys() == seconds.keys()
    assert all(p.end - p.start == seconds[p.name] for p in placed)
    assert all(at[before].end <= at[name].start for name in needs for before in needs[name])
    for device in range(devices):
        own = sorted((p.start, p.end) for p in placed if p.device == device)
        assert all(one[1] <= other[0] for one, other in pairwise(own))
    whole, chain = sum(seconds.values()), sum(seconds[n] for n in critical_path(seconds, needs))
    end = max(p.end for p in placed)
    assert max(chain, whole / devices) <= end <= chain + (whole - chain) / devices + 1e-9
    assert devices > 1 or end == whole


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_without_an_order_two_devices_take_at_most_seven_sixths_of_the_shortest(values):
    """Graham's bound of LPT, 4/3 - 1/(3 x devices), against every assignment of the stages."""
    found = took({str(i): float(v) for i, v in enumerate(values)}, {}, 2)
    best = min(
        max(sum(order[:cut]), sum(order[cut:]))
        for order in set(permutations(values))
        for cut in range(len(values) + 1)
    )
    assert best <= found <= 7 / 6 * best + 1e-9
