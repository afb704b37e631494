"""Scoring submissions: a hand-made example, each kind of damage, and random text."""

import math
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replication.evaluation.predictions import format_scores, score_predictions
from replication.files.errors import StudyError

BEHAVIORS = (
    "1\tU1\t11/15/2019 8:55:22 AM\tN1 N2\tN3-0 N4-1 N5-0\n"
    '2\tU"2\t11/15/2019 8:56:00 AM\t\tN3-1 N4-0\n'
    "3\tU3\t11/15/2019 8:57:00 AM\tN9\tN6-0 N7-1 N3-1 N8-0\n"
)
RANKS = "1 [2,1,3]\n2 [2,1]\n3 [4,1,3,2]\n"
SCORES = "1 [0.5,0.9,0.1]\n2 [-3,1e-3]\n3 [-.5,12,0,3.25]\n"


@pytest.fixture
def score(tmp_path):
    """Score texts as if they were files; errors must be one line."""

    def score(predictions, reading="auto", behaviors=BEHAVIORS, **options):
        paths = tmp_path / "behaviors.tsv", tmp_path / "prediction.txt"
        for path, text in zip(paths, (behaviors, predictions), strict=True):
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        try:
            return score_predictions(*paths, reading, **{"samples": 50, **options})
        except StudyError as error:
            assert len(str(error).splitlines()) == 1
            raise

    return score


def test_by_hand(score):
    result = score(RANKS)
    # Impression 1: the click on top. 2: the click last of two. 3: the clicks at 1 and 3 of four.
    assert result["auc"] == pytest.approx((1 + 0 + 3 / 4) / 3)
    assert result["mrr"] == pytest.approx((1 + 1 / 2 + (1 + 1 / 3) / 2) / 3)
    third = (1 + 1 / math.log2(4)) / (1 + 1 / math.log2(3))
    ndcg = pytest.approx((1 + 1 / math.log2(3) + third) / 3)
    assert result["ndcg@5"] == result["ndcg@10"] == ndcg
    assert result["impressions"] == result["permutations"] == 3
    assert result["reading"] == "ranks"
    assert result["tied_share"] == 0
    for key in ("ci95", "ci95_naive"):
        low, high = result[key]["auc"]
        assert low <= result["auc"] <= high


def test_ranks_and_raw_scores_that_order_alike_give_the_same_metrics(score):
    ranks, scores = score(RANKS), score(SCORES)
    assert scores.pop("reading") == "scores" and ranks.pop("reading") == "ranks"
    assert scores.pop("permutations") == 0 and ranks.pop("permutations") == 3
    assert scores == ranks


def test_the_reading_can_be_forced(score):
    assert score(RANKS, "ranks") == score(RANKS)
    assert score(SCORES, "scores") == score(SCORES)
    assert score(RANKS, "scores")["auc"] == pytest.approx(1 - score(RANKS)["auc"])


def test_ranks_written_as_floats_are_ranks(score):
    assert score("1 [2.0,1.0,3e0]\n2 [2,1]\n3 [4,1,3,2]\n") == score(RANKS)


@pytest.mark.parametrize(
    "variant",
    [
        RANKS.removesuffix("\n"),
        RANKS.replace("\n", "\r\n"),
        RANKS.replace(",", ", "),
        RANKS.replace("[", "[ ").replace("]", " ] ").replace(" [", "\t["),
        "".join(reversed(RANKS.splitlines(keepends=True))),
    ],
)
def test_spaces_line_ends_and_the_order_of_lines_are_no_matter(score, variant):
    assert score(variant) == score(RANKS)


def test_behaviours_with_crlf_and_a_byte_order_mark(score):
    windows = "\ufeff" + BEHAVIORS.replace("\n", "\r\n")
    assert score("\ufeff" + RANKS, behaviors=windows) == score(RANKS)


def test_shuffled_lines_of_many_impressions(score):
    rng = random.Random(1)
    behaviors, lines = [], []
    for i in range(300):
        labels = [1, *(rng.randint(0, 1) for _ in range(rng.randint(0, 9)))]
        items = " ".join(f"N{j}-{label}" for j, label in enumerate(labels))
        behaviors.append(f"{1000 - i}\tU\tT\t\t{items}\n")
        lines.append(f"{1000 - i} {[rng.randint(0, 5) / 2 for _ in labels]}\n")
    straight = score("".join(lines), behaviors="".join(behaviors))
    rng.shuffle(lines)
    assert score("".join(lines), behaviors="".join(behaviors)) == straight
    assert straight["tied_share"] > 0.5
    assert straight["undefined"]["auc"] > 0


@pytest.mark.parametrize(
    "predictions, line, field, what",
    [
        ("", 1, "whole line", "empty"),
        ("\n", 1, "whole line", "''"),
        (RANKS + "\n", 4, "whole line", "''"),
        ("1 2,1,3\n", 1, "whole line", "'1 2,1,3'"),
        ("1 []\n", 1, "whole line", "expected IMPRESSION_ID"),
        ("1 [2,1,3\n", 1, "whole line", "expected IMPRESSION_ID"),
        ("1 [2,1,3] 4\n", 1, "whole line", "expected IMPRESSION_ID"),
        (b"1 [2,1,3]\n2 [\xff,1]\n", 2, "whole line", "expected UTF-8"),
        ("1 [2,1,3]\nx [2,1]\n", 2, "impression id", "'x'; expected a whole number"),
        ("9" * 40 + " [2,1]\n", 1, "impression id", "expected a whole number"),
        (RANKS + "4 [1]\n", 4, "impression id", "4 is unknown"),
        (RANKS + "2 [1,2]\n", 4, "impression id", "2 as on line 2"),
        ("1 [2,1,3]\n3 [4,1,3,2]\n", 2, "impression id", r"2 \(line 2 of .*\) is missing"),
        (RANKS.replace("2 [2,1]", "2 [2,1,3]"), 2, "list", "3 numbers; expected 2"),
        (RANKS.replace("2 [2,1]", "2 [2]"), 2, "list", "1 numbers; expected 2"),
        (RANKS.replace("2 [2,1]", "2 [2,one]"), 2, "list, item 2", "'one'; expected a finite"),
        (RANKS.replace("2 [2,1]", "2 [2,]"), 2, "list, item 2", "''; expected a finite"),
        (RANKS.replace("2 [2,1]", "2 [nan,1]"), 2, "list, item 1", "'nan'; expected a finite"),
        (RANKS.replace("2 [2,1]", "2 [2,-inf]"), 2, "list, item 2", "'-inf'; expected a finite"),
        (RANKS.replace("2 [2,1]", "2 [1e999,1]"), 2, "list, item 1", "'1e999'; expected a finite"),
    ],
)
def test_damage_is_named(score, predictions, line, field, what):
    with pytest.raises(StudyError, match=rf"prediction\.txt, (after )?line {line}, field {field}:"):
        score(predictions)
    with pytest.raises(StudyError, match=what):
        score(predictions)


@pytest.mark.parametrize("line", ["2 [1,1]", "2 [0,1]", "2 [2,3]", "2 [1.5,2]", "2 [-1,2]"])
def test_ranks_must_be_a_permutation(score, line):
    damaged = RANKS.replace("2 [2,1]", line)
    with pytest.raises(StudyError, match="line 2, field list: not a ranking; expected each of 1"):
        score(damaged, "ranks")
    assert score(damaged)["reading"] == "scores"


@pytest.mark.parametrize(
    "behaviors, line, field, what",
    [
        ("", 1, "impression_id", "empty"),
        ("1\tU\tT\tN1-0\n", 1, "impressions", "4 fields; expected 5"),
        (BEHAVIORS + "4\tU\tT\t\tN1-0\textra\n", 4, "impressions", "6 fields"),
        ("U\tU\tT\t\tN1-0\n", 1, "impression_id", "'U'; expected an integer"),
        (BEHAVIORS + "2\tU\tT\t\tN1-0\n", 4, "impression_id", "'2' stands on line 2"),
        ("1\tU\tT\t\t\n", 1, "impressions", "no candidates: ''; expected items like"),
        ("1\tU\tT\t\tN1-0 N2\n", 1, "impressions", "'N2'; expected items like"),
        ("1\tU\tT\t\tN1-0 N2-2\n", 1, "impressions", "'N2-2'; expected items like"),
        (b"1\tU\tT\t\xff\tN1-0\n", 1, "history", "expected UTF-8"),
    ],
)
def test_damaged_behaviours_are_named(score, behaviors, line, field, what):
    with pytest.raises(StudyError, match=rf"behaviors\.tsv, line {line}, field {field}: .*{what}"):
        score(RANKS, behaviors=behaviors)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(StudyError, match=r"behaviors\.tsv: no such file"):
        score_predictions(tmp_path / "behaviors.tsv", tmp_path / "prediction.txt")


def test_long_garbage_is_cut_short(score):
    with pytest.raises(StudyError) as caught:
        score("x" * 100_000)
    assert len(str(caught.value)) < 500


def test_table(score):
    assert format_scores(score(RANKS)).splitlines()[1].startswith("auc       0.5833  [")
    assert "3 impressions, 0.0% with tied scores; numbers read as ranks" in format_scores(
        score(RANKS)
    )
    assert "note" not in format_scores(score(RANKS)) + format_scores(score(SCORES))


def test_table_of_what_is_undefined(score):
    table = format_scores(score("1 [1,2]\n", behaviors="1\tU\tT\t\tN1-1 N2-1\n"))
    assert "auc            -  -" in table
    assert "auc is undefined for 1 impressions" in table


def test_table_warns_of_ranks_with_a_damaged_line(score):
    assert "note: 2 lines are permutations" in format_scores(score(RANKS.replace("[2,1]", "[1,1]")))


fuzz = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
near_predictions = st.text(alphabet="123 [],.-e\n\r\tnaif\x00é", max_size=60)
near_behaviors = st.text(alphabet="1 N-0\tU\n\r\"'é", max_size=60)


@fuzz
@given(st.one_of(st.text(), st.binary(), near_predictions), st.sampled_from(["auto", "ranks"]))
def test_random_predictions_raise_only_study_errors(score, predictions, reading):
    try:
        score(predictions, reading)
    except StudyError:
        return


@fuzz
@given(st.one_of(st.text(), st.binary(), near_behaviors))
def test_random_behaviours_raise_only_study_errors(score, behaviors):
    try:
        score(RANKS, behaviors=behaviors)
    except StudyError:
        return


@fuzz
@given(near_predictions)
def test_a_damaged_list_raises_only_study_errors(score, inner):
    try:
        score(RANKS.replace("2,1,3", inner))
    except StudyError:
        return
