"""Scores without a model."""

import numpy as np
import polars as pl
import pytest

from replication.evaluation.baselines import (
    popularity_scores,
    random_scores,
    true_probabilities,
)
from replication.evaluation.metrics import impression_metrics, summarise
from replication.files.errors import StudyError


def test_random_scores_are_fixed_by_the_seed_and_rank_by_chance():
    scores = random_scores(60_000, seed=1)
    np.testing.assert_array_equal(scores, random_scores(60_000, seed=1))
    assert (scores != random_scores(60_000, seed=2)).any()
    labels = np.tile(np.array([1, 0, 0], dtype=np.int8), 20_000)
    summary = summarise(impression_metrics(scores, labels, np.arange(0, 60_001, 3)))
    assert summary["auc"] == pytest.approx(0.5, abs=0.01)
    assert summary["tied_share"] == 0


def test_popularity_counts_training_clicks():
    scores = popularity_scores(
        train_candidates=np.array([1, 2, 1, 3, 1]),
        train_labels=np.array([1, 0, 1, 1, 0], dtype=np.int8),
        articles=5,
        candidates=np.array([4, 3, 1, 2, 1]),
    )
    assert scores.dtype == np.float64
    assert scores.tolist() == [0, 1, 2, 0, 2]


def test_popularity_of_nothing():
    none = np.array([], dtype=np.int32)
    assert popularity_scores(none, none, 3, np.array([2, 0])).tolist() == [0, 0]
    assert popularity_scores(none, none, 3, none).tolist() == []


@pytest.mark.parametrize("bad", [-1, 5])
@pytest.mark.parametrize("place", ["train_candidates", "candidates"])
def test_popularity_refuses_an_article_outside_the_catalogue(place, bad):
    arguments = {"train_candidates": np.array([0, 1]), "candidates": np.array([2])}
    arguments[place] = np.append(arguments[place], bad)
    labels = np.ones(len(arguments["train_candidates"]), dtype=np.int8)
    with pytest.raises(StudyError, match=f"article id {bad} .*expected 0 to 4"):
        popularity_scores(train_labels=labels, articles=5, **arguments)


IDS, OFFSETS = np.array([7, 3]), np.array([0, 2, 5])
ROWS = [  # in an order of their own
    ("dev", 3, 2, 0.5),
    ("dev", 3, 0, 0.3),
    ("train", 7, 0, 0.9),
    ("dev", 7, 1, 0.2),
    ("dev", 3, 1, 0.4),
    ("dev", 7, 0, 0.1),
    ("dev", 8, 0, 0.8),
]


@pytest.fixture
def write(tmp_path):
    def write(rows):
        path = tmp_path / "truth.parquet"
        columns = ["split", "impression_id", "position", "probability"]
        pl.DataFrame(rows, schema=columns, orient="row").write_parquet(path)
        return path

    return write


def test_true_probabilities_follow_the_candidates(write):
    result = true_probabilities(write(ROWS), IDS, OFFSETS)
    assert result.dtype == np.float64
    assert result.tolist() == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_true_probabilities_of_another_split_and_of_integer_types(write):
    assert true_probabilities(
        write(ROWS), np.array([7], dtype=np.int32), np.array([0, 1], dtype=np.int32), "train"
    ).tolist() == [0.9]


@pytest.mark.parametrize(
    "rows, message",
    [
        (ROWS[:3], "impression 7: 0 probabilities; expected 2"),
        (ROWS[:5], "impression 7: 1 probabilities; expected 2"),
        ([*ROWS, ("dev", 3, 3, 0.1)], "impression 3: 4 probabilities; expected 3"),
        ([*ROWS[:5], ("dev", 7, 1, 0.1)], "impression 7, position 0: probability None"),
        ([*ROWS[:5], ("dev", 7, 0, 1.5)], "impression 7, position 0: probability 1.5"),
        ([*ROWS[:5], ("dev", 7, 0, float("nan"))], "impression 7, position 0: probability nan"),
        ([*ROWS[:5], ("dev", 7, 0, None)], "impression 7, position 0: probability None"),
    ],
)
def test_true_probabilities_that_do_not_fit_are_refused(write, rows, message):
    with pytest.raises(StudyError, match=message):
        true_probabilities(write(rows), IDS, OFFSETS)


def test_a_file_without_true_probabilities_is_named(tmp_path):
    for name, content in (
        ("missing", None),
        ("text", b"split"),
        ("columns", pl.DataFrame({"a": 1})),
    ):
        path = tmp_path / f"{name}.parquet"
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content is not None:
            content.write_parquet(path)
        with pytest.raises(StudyError, match=f"{name}.parquet: .*true probabilities") as caught:
            true_probabilities(path, IDS, OFFSETS)
        assert "\n" not in str(caught.value)
