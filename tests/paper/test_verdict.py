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
    ("interval", "word"),
    [
        ([3.0, 4.0], "equivalent"), ([2.58, 4.58], "equivalent"), ([2.5, 4.0], "undecided"),
        ([-1, 9], "undecided"), ([-1, 2.5], "different"), ([4.6, 9], "different"),
        (None, "not testable"),
    ],
)  # fmt: skip
def test_a_size_of_3_58_with_a_tolerance_of_1(interval, word):
    assert verdict.of_size(interval, 3.58, 1.0) == word


@pytest.mark.parametrize(
    ("interval", "p", "word"),
    [
        ([-3, -1], 0.01, "confirmed"), ([1, 3], 0.01, "contradicted"), ([-1, 1], 0.01, "undecided"),
        ([-3, 0], 0.01, "undecided"), ([0, 0], 0.01, "undecided"), ([-3, -1], 0.05, "undecided"),
        ([1, 3], 0.2, "undecided"), (None, 0.01, "not testable"), ([-3, -1], None, "not testable"),
    ],
)  # fmt: skip
def test_a_negative_sign(interval, p, word):
    assert verdict.of_sign(interval, -1, p) == word
    mirrored = None if interval is None else [-end for end in reversed(interval)]
    assert verdict.of_sign(mirrored, 1, p) == word


@pytest.mark.parametrize(
    ("best", "word"),
    [
        ([8, 10, 12], "confirmed"), ([10], "confirmed"), ([6, 8], "undecided"),
        ([0, 12], "undecided"), ([0, 2, 6], "contradicted"), ([2], "contradicted"),
    ],
)  # fmt: skip
def test_a_best_depth_of_10(best, word):
    assert verdict.of_depth(best, 10, 2) == word


@pytest.mark.parametrize(
    ("inversions", "rises", "word"),
    [
        ([False, True], [True, False], "confirmed"), ([False, False], [True, True], "contradicted"),
        ([False, False], [True, False], "undecided"), ([False], [False], "undecided"),
    ],
)  # fmt: skip
def test_an_order(inversions, rises, word):
    assert verdict.of_order(inversions, rises) == word


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ([1, 2, 3], "confirmed"), ([1, 0.95, 3], "confirmed"), ([1, 3, 2], "undecided"),
        ([1, 1, 1.05], "contradicted"), ([3, 2, 1], "contradicted"),
    ],
)  # fmt: skip
def test_growth(values, word):
    """Within a tenth two costs are alike."""
    assert verdict.of_growth(values, 0.1) == word
    by_chance = verdict.of_growth(values, 0.1, falls=False)
    assert by_chance == ("undecided" if word == "contradicted" else word)


@pytest.mark.parametrize(
    ("parts", "every", "some"),
    [
        (["confirmed", "confirmed"], "confirmed", "confirmed"),
        (["confirmed", "undecided"], "undecided", "confirmed"),
        (["undecided", "contradicted", "undecided"], "contradicted", "undecided"),
        (["confirmed", "contradicted"], "contradicted", "confirmed"),
        (["contradicted", "contradicted"], "contradicted", "contradicted"),
        (["contradicted", "not testable"], "not testable", "not testable"),
        (["confirmed", "not testable"], "not testable", "confirmed"),
    ],
)
def test_claims_of_several_parts(parts, every, some):
    assert verdict.of_all(parts) == verdict.of_all(parts[::-1]) == every
    assert verdict.of_some(parts) == verdict.of_some(parts[::-1]) == some


def test_all_signs_need_no_correction_to_hold_together():
    one = ["undecided"] * 2
    assert verdict.of_every_sign(one, [0.04, 0.03], [True, True]) == "confirmed"
    assert verdict.of_every_sign(one, [0.04, 0.06], [True, True]) == "undecided"
    assert verdict.of_every_sign(["confirmed"] * 2, [0.01, 0.01], [True, False]) == "undecided"
    assert verdict.of_every_sign(["confirmed", "contradicted"], [0, 0], [1, 0]) == "contradicted"
    assert verdict.of_every_sign(["not testable"], [0.01], [True]) == "not testable"


@pytest.mark.parametrize(
    ("interval", "expected", "p", "word"),
    [
        ([0.01, 0.03], 1, 0.01, "confirmed"),
        ([0.01, 0.03], 1, 0.06, "undecided"),  # not after correction
        ([0.001, 0.003], 1, 0.01, "confirmed"),  # small, and yet there
        ([-0.03, -0.01], -1, 0.01, "confirmed"),
        ([-0.03, -0.01], 1, 0.01, "contradicted"),
        ([-0.004, 0.004], 1, 0.9, "contradicted"),
        ([-0.004, 0.006], 1, 0.9, "undecided"),
        ([-0.006, 0.004], -1, 0.9, "undecided"),
        ([-0.02, 0.04], 1, 0.3, "undecided"),
        (None, 1, 0.01, "not testable"),
        ([0.01, 0.03], 1, None, "not testable"),
    ],
)
def test_an_open_question_is_answered_no_only_where_no_effect_that_counts_is_left(
    interval, expected, p, word
):
    assert verdict.of_effect(interval, expected, p, effect=0.005) == word
