import hashlib
import json
from pathlib import Path

import polars as pl
import pytest
from files import SAMPLE, article, impression, write_rows, write_tiny_mind

from replication.files.errors import StudyError
from replication.mind.columns.prepared import load_prepared
from replication.mind.prepare import prepare


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return write_tiny_mind(tmp_path / "raw")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "prepared"


def test_articles_are_numbered_training_first(raw, out):
    prepare(raw, out)
    articles = pl.read_parquet(out / "articles.parquet")
    assert articles.rows() == [
        ("", "", "", "", "", 0, 0, False, False),
        ("N1", "sports", "soccer", 'The "real" début', "First.", 6, 5, True, False),
        ("N2", "news", "newsworld", "Second", "", 2, 4, True, True),
        ("N3", "finance", "sports", "Third", "Last.", 1, 6, True, False),
        ("N9", "news", "newsus", "Only here", "New.", 2, 3, False, True),
    ]
    assert articles.schema["category_id"] == articles.schema["subcategory_id"] == pl.Int32
    assert articles.columns == [
        *("news_id", "category", "subcategory", "title", "abstract"),
        *("category_id", "subcategory_id", "in_train", "in_test"),
    ]


def test_users_are_numbered_training_first(raw, out):
    prepare(raw, out)
    users = pl.read_parquet(out / "users.parquet")
    assert users.rows() == [("", False), ("U5", True), ("U3", True), ("U1", False)]


def test_impressions_refer_to_articles_and_users(raw, out):
    prepare(raw, out)
    prepared = load_prepared(out)
    train, test = prepared.train, prepared.test
    assert train.impression_id.tolist() == [7, 8, 9] and test.impression_id.tolist() == [7, 8]
    assert train.user.tolist() == [1, 2, 1] and test.user.tolist() == [3, 1]
    assert train.history_row.tolist() == [0, 1, 0]
    assert train.user_of_history.tolist() == [1, 2] and test.user_of_history.tolist() == [3, 1]
    assert train.histories.padded(3).tolist() == [[0, 1, 2], [0, 0, 0]]
    assert test.histories.padded(1).tolist() == [[2], [2]]
    assert train.candidates.padded(3, side="right").tolist() == [[3, 1, 0], [2, 0, 0], [2, 3, 1]]
    assert test.candidates.padded(2).tolist() == [[4, 2], [4, 2]]
    assert train.labels.tolist() == [1, 0, 1, 0, 1, 1] and test.labels.tolist() == [1, 0, 0, 1]
    assert train.time.tolist() == [1573257601, 1573387200, 1573430399]


def test_meta_describes_both_splits(raw, out):
    prepare(raw, out)
    meta = json.loads((out / "meta.json").read_text())
    files = [f"{mind}/{file}.tsv" for mind in ("train", "dev") for file in ("news", "behaviors")]
    digests = {file: hashlib.sha256((raw / file).read_bytes()).hexdigest() for file in files}
    assert meta == {
        "release": None,
        "splits": {
            "train": {
                "impressions": 3,
                "users": 2,
                "candidates": 6,
                "clicks": 4,
                "news": 3,
                "empty_history_share": pytest.approx(1 / 3),
                "history_mean": pytest.approx(4 / 3),
                "history_median": 2.0,
                "history_p95": 2.0,
                "history_max": 2,
                "candidates_mean": 2.0,
                "clicks_mean": pytest.approx(4 / 3),
                "first": "2019-11-09T00:00:01",
                "last": "2019-11-10T23:59:59",
                "last_day_impressions": 2,
                "missing_abstract_share": pytest.approx(1 / 3),
            },
            "test": {
                "impressions": 2,
                "users": 2,
                "candidates": 4,
                "clicks": 2,
                "news": 2,
                "empty_history_share": 0.0,
                "history_mean": 1.0,
                "history_median": 1.0,
                "history_p95": 1.0,
                "history_max": 1,
                "candidates_mean": 2.0,
                "clicks_mean": 1.0,
                "first": "2019-11-15T06:00:00",
                "last": "2019-11-15T07:00:00",
                "last_day_impressions": 2,
                "missing_abstract_share": 0.5,
            },
        },
        "articles": 4,
        "test_only_articles": 1,
        "users": 3,
        "train_users": 2,
        "test_users_unseen_share": 0.5,
        "categories": 3,
        "subcategories": 4,
        "labels": 6,
        "missing_abstract_share": 0.25,
        "impressions": 5,
        "candidates": 10,
        "clicks": 6,
        "empty_history_share": pytest.approx(1 / 5),
        "history_mean": pytest.approx(6 / 5),
        "history_median": 1.0,
        "history_p95": 2.0,
        "history_max": 2,
        "sha256": digests,
    }


def test_the_same_input_gives_the_same_bytes(raw, tmp_path):
    prepare(raw, tmp_path / "a")
    prepare(raw, tmp_path / "b")
    files = [path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*")]
    assert len(files) == 3 + 2 * 10
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_files_in_a_subfolder_are_found(raw, out):
    (raw / "dev").rename(raw / "inner")
    (raw / "dev").mkdir()
    (raw / "inner").rename(raw / "dev" / "MINDsmall_dev")
    prepare(raw, out)
    assert len(load_prepared(out).test) == 2


def spoil_candidate(raw: Path) -> str:
    path = write_rows(raw / "dev" / "behaviors.tsv", [impression(candidates="N9-1 N4-0")])
    return f"{path}, line 1, field history: no such article: 'N1'"


def spoil_news(raw: Path) -> str:
    path = write_rows(raw / "dev" / "news.tsv", [article("N9", category="")])
    return f"{path}, line 1, field category: empty"


def remove_behaviors(raw: Path) -> str:
    (raw / "train" / "behaviors.tsv").unlink()
    return f"{raw / 'train' / 'behaviors.tsv'}: no such file, here or in a subfolder"


def double_behaviors(raw: Path) -> str:
    (raw / "train" / "behaviors.tsv").unlink()
    write_rows(raw / "train" / "a" / "behaviors.tsv", [impression()])
    write_rows(raw / "train" / "b" / "behaviors.tsv", [impression()])
    return f"{raw / 'train' / 'behaviors.tsv'}: 2 such files, here or in a subfolder"


def write_labels(raw: Path, *days: tuple[str, str]) -> Path:
    """Training impressions, one to each (day of November, candidates)."""
    rows = [
        impression(i, time=f"11/{day}/2019 8:00:00 AM", candidates=shown)
        for i, (day, shown) in enumerate(days)
    ]
    return write_rows(raw / "train" / "behaviors.tsv", rows)


def spoil_last_day(raw: Path) -> str:
    path = write_labels(raw, ("9", "N1-1 N2-0"), ("10", "N1-0 N2-0"), ("10", "N1-0"))
    return (
        f"{path}: its last day, 2019-11-10: no candidate is labelled as clicked (-1), so early "
        "stopping has no AUC to look at (protocol key selection); expected an impression with both"
    )


def spoil_earlier_days(raw: Path) -> str:
    path = write_labels(raw, ("9", "N1-1 N2-1"), ("10", "N1-0"), ("11", "N1-0 N2-1"))
    return (
        f"{path}: its days but the last, 2019-11-09 to 2019-11-10: no impression has both a click "
        "(-1) and a candidate that was not clicked (-0), so nothing can be learned"
    )


def spoil_all_labels(raw: Path) -> str:
    path = write_labels(raw, ("9", "N1-0 N2-0"), ("10", "N1-0"))
    return f"{path}: no candidate is labelled as clicked (-1), so the train split teaches nothing"


def spoil_test_labels(raw: Path) -> str:
    path = write_rows(raw / "dev" / "behaviors.tsv", [impression(history="", candidates="N9-1")])
    return f"{path}: every candidate is labelled as clicked (-1), so the test split has no AUC"


SPOILERS = [
    spoil_candidate, spoil_news, remove_behaviors, double_behaviors,
    spoil_last_day, spoil_earlier_days, spoil_all_labels, spoil_test_labels,
]  # fmt: skip


@pytest.mark.parametrize("spoil", SPOILERS)
@pytest.mark.parametrize("prepared_before", [False, True])
def test_bad_input_is_named_and_leaves_the_output_alone(raw, out, spoil, prepared_before):
    if prepared_before:
        prepare(raw, out)
    before = {path: path.read_bytes() for path in out.rglob("*.*")}
    message = spoil(raw)
    with pytest.raises(StudyError) as error:
        prepare(raw, out)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)
    assert {path: path.read_bytes() for path in out.rglob("*.*")} == before
    assert out.exists() == prepared_before


def test_articles_that_read_otherwise_in_dev_are_told_and_stand_as_in_training(raw, out, capsys):
    prepare(raw, out)
    assert capsys.readouterr().err == ""
    rows = [
        article("N9", "news", "newsus", "Only here", "New."),
        article("N3", "finance", "markets", "Third", "Other."),  # sports and "Last." in training
        article("N2", "news", "newsworld", "Another", ""),
    ]
    path = write_rows(raw / "dev" / "news.tsv", rows)
    prepare(raw, out)
    told = capsys.readouterr().err
    train = raw / "train" / "news.tsv"
    assert told == (
        f"warning: {path}: 2 articles read otherwise than in {train}, whose text is taken: in "
        "line 2, N3 has the subcategory 'markets'; there, in line 3, 'sports'\n"
    )
    articles = pl.read_parquet(out / "articles.parquet")
    read = articles.select("news_id", "subcategory", "title", "abstract").rows()
    assert ("N3", "sports", "Third", "Last.") in read
    assert ("N2", "newsworld", "Second", "") in read and len(read) == 5
    assert "markets" not in articles["subcategory"]
    assert json.loads((out / "meta.json").read_text())["labels"] == 6


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="needs real MIND rows in ../shared/mind-sample")
def test_real_rows(out):
    prepare(SAMPLE / "paired", out)
    prepared = load_prepared(out)
    assert (len(prepared.train), len(prepared.test)) == (92, 27)
    splits = prepared.meta["splits"]
    assert (splits["train"]["news"], splits["test"]["news"]) == (180, 70)
    assert splits["train"]["first"] >= "2019-11-09" and splits["test"]["last"] < "2019-11-15"
    assert len(prepared.articles) == prepared.meta["articles"] + 1
