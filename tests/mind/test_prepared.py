from pathlib import Path

import numpy as np
import pytest
from files import article, impression, write_rows, write_tiny_mind

from replication.files.errors import StudyError
from replication.mind.columns.prepared import Impressions, load_prepared, split_last_day
from replication.mind.prepare import prepare


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    prepare(write_tiny_mind(tmp_path / "raw"), tmp_path / "prepared")
    return tmp_path / "prepared"


def test_articles_and_users_stand_at_their_ids(folder):
    prepared = load_prepared(folder)
    articles = prepared.articles
    assert articles.news_id.to_list() == ["", "N1", "N2", "N3", "N9"]
    assert articles.title.to_list()[4] == "Only here" and articles.abstract.to_list()[2] == ""
    assert articles.category_id.dtype == articles.subcategory_id.dtype == np.int32
    assert articles.category_id.tolist() == [0, 6, 2, 1, 2]
    assert articles.subcategory_id.tolist() == [0, 5, 4, 6, 3]
    assert prepared.user_ids.to_list() == ["", "U5", "U3", "U1"]
    assert (prepared.train_users, prepared.users) == (2, 3)


def test_arrays_have_their_dtypes_and_stay_on_disk(folder):
    train = load_prepared(folder).train
    for array in (train.impression_id, train.time):
        assert array.dtype == np.int64 and isinstance(array, np.memmap)
    for array in (train.user, train.history_row, train.user_of_history, train.candidates.values):
        assert array.dtype == np.int32 and isinstance(array, np.memmap)
    assert train.labels.dtype == np.int8


@pytest.mark.parametrize("rows", [np.array([2, 0]), np.array([True, False, True])])
def test_select_keeps_histories_whole(folder, rows):
    train = load_prepared(folder).train
    chosen = train.select(rows)
    order = [2, 0] if rows.dtype == np.int64 else [0, 2]
    assert len(chosen) == 2
    assert chosen.impression_id.tolist() == [train.impression_id[i] for i in order]
    assert chosen.histories is train.histories and chosen.history_row.tolist() == [0, 0]
    shown = {0: ([3, 1], [1, 0]), 2: ([2, 3, 1], [0, 1, 1])}
    assert [chosen.candidates.row(i).tolist() for i in (0, 1)] == [shown[i][0] for i in order]
    assert chosen.labels.tolist() == [label for i in order for label in shown[i][1]]


def test_the_last_calendar_day_is_set_aside(folder):
    earlier, last = split_last_day(load_prepared(folder).train)
    assert earlier.impression_id.tolist() == [7]
    assert last.impression_id.tolist() == [8, 9]  # noon and a second before midnight
    assert isinstance(last, Impressions) and last.labels.tolist() == [1, 0, 1, 1]


def test_a_single_day_cannot_be_split(folder):
    with pytest.raises(StudyError, match=r"protocol key `selection` .* two or more training days"):
        split_last_day(load_prepared(folder).test)


def test_empty_histories_only(tmp_path):
    """No click in any history: an array of length 0 on disk."""
    raw = write_tiny_mind(tmp_path / "raw")
    write_rows(raw / "dev" / "news.tsv", [article("N9"), article("N8")])
    write_rows(raw / "dev" / "behaviors.tsv", [impression(history="", candidates="N9-1 N8-0")])
    prepare(raw, tmp_path / "prepared")
    test = load_prepared(tmp_path / "prepared").test
    assert test.histories.padded(2).tolist() == [[0, 0]]


def names() -> list[str]:
    arrays = ["impression_id", "user", "time", "history_row", "user_of_history", "labels"]
    ragged = [
        f"{name}.{part}" for name in ("histories", "candidates") for part in ("values", "offsets")
    ]
    tables = ["meta.json", "articles.parquet", "users.parquet"]
    return tables + [
        f"{split}/{name}.npy" for split in ("train", "test") for name in arrays + ragged
    ]


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("harm", ["missing", "emptied", "truncated"])
def test_a_harmed_file_is_named(folder, name, harm):
    path = folder / name
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes(b"" if harm == "emptied" else path.read_bytes()[:-3])
    with pytest.raises(StudyError) as error:
        load_prepared(folder)
    message = str(error.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    assert message.endswith("; run `dvc repro prepare`")


@pytest.mark.parametrize("name", ["train/user.npy", "test/labels.npy", "train/user_of_history.npy"])
def test_an_array_of_another_length_is_named(folder, name):
    np.save(folder / name, np.load(folder / name)[1:])
    with pytest.raises(StudyError, match="of another length than the files beside it"):
        load_prepared(folder)
