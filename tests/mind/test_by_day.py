"""The first days against the others: what is in which split, and that nothing else changes."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from marginals import BEHAVIORS, read

from replication.evaluation.baselines import true_probabilities
from replication.files.errors import StudyError
from replication.mind.columns.prepared import SECONDS_A_DAY, load_prepared
from replication.mind.demo.corpus import DemoSize, write_demo
from replication.mind.prepare import prepare


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("days") / "raw"
    write_demo(folder, DemoSize(400, 120, 120, 600, 150), 3)
    return folder


@pytest.fixture(scope="module")
def whole(raw):
    prepare(raw, raw.parent / "whole")
    return load_prepared(raw.parent / "whole")


@pytest.fixture(scope="module")
def parted(raw):
    prepare(raw, raw.parent / "parted", train_days=3)
    return load_prepared(raw.parent / "parted")


def clicks(data, part) -> dict[int, tuple]:
    """By MIND's id: user, time, history, candidates and labels, by the names of MIND's files."""
    names, users = data.articles.news_id.to_numpy(), data.user_ids.to_numpy()
    labels = np.split(np.asarray(part.labels), part.candidates.offsets[1:-1])
    return {
        int(number): (
            users[part.user[i]], int(part.time[i]),
            tuple(names[part.histories.row(part.history_row[i])]),
            tuple(names[part.candidates.row(i)]), tuple(labels[i]),
        )
        for i, number in enumerate(part.impression_id)
    }  # fmt: skip


def test_the_impressions_of_train_are_all_there_as_they_were_and_dev_is_not(raw, whole, parted):
    early, late = clicks(parted, parted.train), clicks(parted, parted.test)
    assert not early.keys() & late.keys()
    assert early | late == clicks(whole, whole.train)
    lines = read(raw / "train/behaviors.tsv", BEHAVIORS)
    day = lines["time"].str.to_datetime("%m/%d/%Y %I:%M:%S %p").dt.day()
    assert set(early) == set(lines.filter(day <= 11)["impression"].cast(pl.Int64))
    assert max(t for _, t, *_ in early.values()) < min(t for _, t, *_ in late.values())
    assert len({t // SECONDS_A_DAY for _, t, *_ in late.values()}) == 3


def test_a_user_is_known_from_training_if_the_first_days_have_them(parted):
    early = set(np.asarray(parted.train.user))
    known = np.asarray(parted.test.user) <= parted.train_users
    assert known.any()
    assert [user in early for user in np.asarray(parted.test.user)] == known.tolist()


def test_the_truth_of_the_test_impressions_is_found(raw, parted):
    test = parted.test
    ids, offsets = np.asarray(test.impression_id), np.asarray(test.candidates.offsets)
    found = true_probabilities(raw / "truth.parquet", ids, offsets, "train")
    sums = np.add.reduceat(found, offsets[:-1])
    np.testing.assert_allclose(sums, np.add.reduceat(np.asarray(test.labels), offsets[:-1]))


@pytest.mark.parametrize("days", [0, 1, 5, 7])
def test_too_few_days_of_either_are_told(raw, tmp_path, days):
    with pytest.raises(StudyError, match=rf"^data\.train_days: is {days}, .* expected 2 to 4, or"):
        prepare(raw, tmp_path / "out", train_days=days)
    assert not (tmp_path / "out").exists()
