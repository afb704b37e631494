"""Verdicts at and around their borders."""

import pytest

from replication.paper import verdict


@pytest.mark.parametrize(
    ("ran", "of", "word"),
    [(0, 3, "not run"), (1, 3, "partial 1/3"), (3, 3, None), (0, 0, "not run")],
)
def test_coverage(ran, of, word):
    assert verdict.coverage(ran, of) == word


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (0.5, "within"), (0.75, "within"), (0.25, "within"), (0.875, "near"), (0.125, "near"),
        (0.9, "better"), (0.1, "worse"), (None, "not testable"),
    ],
)  # fmt: skip
def test_a_value_against_one_half_with_a_tolerance_of_a_quarter(found, word):
    assert verdict.of_value(found, 0.5, 0.25) == word


def test_a_value_without_a_reference_or_a_tolerance():
    assert (
        verdict.of_value(0.5, None, 0.1) == verdict.of_value(None, None, None) == "no paper value"
    )
    assert verdict.of_value(0.5, 0.5, None) == "not testable"


@pytest.mark.parametrize(
    ("found", "reference", "word"),
    [
        (3.58, 3.58, "within"), (4.6, 3.58, "near"), (6.0, 3.58, "better"), (0.0, 3.58, "worse"),
        (-5.0, 3.58, "worse"), (-0.99, -0.99, "within"), (-0.01, -0.99, "within"),
        (0.0, -0.99, "near"), (0.4, -0.99, "near"), (5.0, -0.99, "worse"), (-5.0, -0.99, "better"),
        (0.0, 0.5, "near"), (None, 3.58, "not testable"),
    ],
)  # fmt: skip
def test_an_effect_goes_by_the_papers_direction(found, reference, word):
    assert verdict.of_effect(found, reference, 1.0) == word


@pytest.mark.parametrize(
    ("interval", "p", "word"),
    [
        ([-3, -1], 0.01, "within"), ([1, 3], 0.01, "worse"), ([-1, 1], 0.01, "near"),
        ([-3, 0], 0.01, "near"), ([0, 0], 0.01, "near"), ([-3, -1], 0.05, "near"),
        ([1, 3], 0.2, "near"), (None, 0.01, "not testable"), ([-3, -1], None, "not testable"),
    ],
)  # fmt: skip
def test_a_negative_sign(interval, p, word):
    assert verdict.of_sign(interval, -1, p) == word
    mirrored = None if interval is None else [-end for end in reversed(interval)]
    assert verdict.of_sign(mirrored, 1, p) == word


@pytest.mark.parametrize(
    ("interval", "word"),
    [
        ([8, 12], "within"), ([10, 10], "within"), ([6, 10], "near"), ([0, 12], "near"),
        ([0, 8], "near"), ([0, 6], "worse"), ([2, 2], "worse"),
    ],
)  # fmt: skip
def test_a_best_depth_of_10(interval, word):
    assert verdict.of_depth(interval, 10, 2) == word


@pytest.mark.parametrize(
    ("steps", "resolved", "word"),
    [
        ([-1, 1], [True, True], "within"), ([-1, 1], [True, False], "near"),
        ([-1, -1], [True, True], "worse"), ([-1, -1], [True, False], "near"),
        ([-1, 0], [True, False], "near"),
    ],
)  # fmt: skip
def test_an_order(steps, resolved, word):
    assert verdict.of_order(steps, resolved) == word


@pytest.mark.parametrize(
    ("correlation", "word"),
    [(1.0, "within"), (0.9, "near"), (0.0, "worse"), (-1.0, "worse"), (None, "not testable")],
)
def test_growth(correlation, word):
    assert verdict.of_growth(correlation) == word


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        (["within", "better"], "within"), (["better", "better"], "better"),
        (["within", "near"], "near"), (["near", "worse", "within"], "worse"),
        (["worse", "not testable"], "not testable"),
    ],
)  # fmt: skip
def test_the_least_favourable_part_decides(parts, word):
    assert verdict.of_all(parts) == verdict.of_all(parts[::-1]) == word
