"""What stage `prepare` wrote, memory-mapped: articles and impressions as integers."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from replication.files.documents import read_json
from replication.files.errors import StudyError, shown
from replication.mind.columns.ragged import Ragged, load_array

SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Articles:
    """All articles; position = article id, position 0 = padding (empty text, label 0).

    news_id, title, abstract: str. category_id, subcategory_id: int32, in one numbering of labels
    (1 to meta's `labels`). in_train: bool, stands in the training split's news.tsv.
    """

    news_id: pl.Series
    title: pl.Series
    abstract: pl.Series
    category_id: np.ndarray
    subcategory_id: np.ndarray
    in_train: np.ndarray

    def __len__(self) -> int:
        """Number of positions, padding included: rows that an embedding table needs."""
        return len(self.news_id)


@dataclass(frozen=True)
class Impressions:
    """n impressions and the h distinct (user, click history) pairs that they refer to.

    impression_id: (n,) int64, MIND's own. user: (n,) int32. time: (n,) int64, seconds since 1970.
    history_row: (n,) int32, row of `histories`. user_of_history: (h,) int32.
    histories: h rows of int32 article ids, oldest click first. candidates: n rows of int32.
    labels: int8, parallel to ``candidates.values``; 1 = clicked.
    """

    impression_id: np.ndarray
    user: np.ndarray
    time: np.ndarray
    history_row: np.ndarray
    user_of_history: np.ndarray
    histories: Ragged
    candidates: Ragged
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.impression_id)

    def select(self, rows: np.ndarray) -> "Impressions":
        """The impressions at `rows` (integers or a mask, see `Ragged.take`), in that order.

        Histories stay whole, so that history_row keeps its meaning.
        """
        return replace(
            self,
            impression_id=self.impression_id[rows],
            user=self.user[rows],
            time=self.time[rows],
            history_row=self.history_row[rows],
            candidates=self.candidates.take(rows),
            labels=self.labels[self.candidates.positions(rows)],
        )


@dataclass(frozen=True)
class Prepared:
    """A prepared data set. Users 1 to `train_users` are known from training, the others up to
    `users` are not; user_ids (users + 1,) str holds MIND's names, position 0 empty.
    """

    articles: Articles
    train_users: int
    users: int
    user_ids: pl.Series
    train: Impressions
    test: Impressions
    meta: dict[str, Any]


def load_prepared(folder: Path) -> Prepared:
    """Open what `prepare` wrote; the arrays are memory-mapped, read-only.

    StudyError naming the file if one is missing or damaged or does not fit the others.
    """
    try:
        meta = _meta(folder / "meta.json")
        users = _table(folder / "users.parquet", ["user_id"], rows=meta["users"] + 1)
        return Prepared(
            articles=_articles(folder / "articles.parquet", rows=meta["articles"] + 1),
            train_users=meta["train_users"],
            users=meta["users"],
            user_ids=users["user_id"],
            train=_impressions(folder / "train", meta["splits"]["train"]),
            test=_impressions(folder / "test", meta["splits"]["test"]),
            meta=meta,
        )
    except StudyError as error:
        raise StudyError(f"{error}; run `dvc repro prepare`") from error


def split_last_day(train: Impressions) -> tuple[Impressions, Impressions]:
    """Part the impressions by calendar day: all days but the last, and the last one.

    StudyError if they all fall on one day.
    """
    day = train.time // SECONDS_A_DAY
    last = day == day.max()
    if last.all():
        raise StudyError(
            "train/behaviors.tsv holds a single day, but protocol key `selection` sets its last "
            "day aside; expected two or more training days"
        )
    return train.select(~last), train.select(last)


def _meta(path: Path) -> dict[str, Any]:
    """meta.json with the figures that the other files are held against."""
    meta = read_json(path)
    impressions = [f"splits.{split}.impressions" for split in ("train", "test")]
    for place in ("articles", "users", "train_users", *impressions):
        found: Any = meta
        for key in place.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        if not isinstance(found, int):
            raise StudyError(f"{path}: {place}: expected a whole number, found {shown(found)}")
    if not isinstance(meta.get("sha256"), dict):
        raise StudyError(f"{path}: sha256: expected the digests of the files that were read")
    return meta


def _articles(path: Path, rows: int) -> Articles:
    texts, labels = ["news_id", "title", "abstract"], ["category_id", "subcategory_id"]
    table = _table(path, [*texts, *labels, "in_train"], rows)
    news_id, title, abstract = (table[name] for name in texts)
    category, subcategory = (table[name].to_numpy() for name in labels)
    in_train = table["in_train"].to_numpy()
    return Articles(news_id, title, abstract, category, subcategory, in_train)


def _impressions(folder: Path, meta: dict[str, Any]) -> Impressions:
    histories = Ragged.load(folder, "histories")
    candidates = Ragged.load(folder, "candidates")
    n, h = meta["impressions"], len(histories)
    _require(len(candidates) == n, folder / "candidates.offsets.npy")
    return Impressions(
        impression_id=_array(folder / "impression_id.npy", n),
        user=_array(folder / "user.npy", n),
        time=_array(folder / "time.npy", n),
        history_row=_array(folder / "history_row.npy", n),
        user_of_history=_array(folder / "user_of_history.npy", h),
        histories=histories,
        candidates=candidates,
        labels=_array(folder / "labels.npy", len(candidates.values)),
    )


def _array(path: Path, length: int) -> np.ndarray:
    values = load_array(path)
    _require(values.ndim == 1 and len(values) == length, path)
    return values


def _table(path: Path, columns: list[str], rows: int) -> pl.DataFrame:
    table = _read(path, lambda path: pl.read_parquet(path, columns=columns))
    _require(len(table) == rows, path)
    return table


def _read(path: Path, reader: Callable[[Path], Any]) -> Any:
    try:
        return reader(path)
    except FileNotFoundError as error:
        raise StudyError(f"{path}: no such file") from error
    except (OSError, ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise StudyError(f"{path}: damaged, cannot be read") from error


def _require(fits: bool, path: Path) -> None:
    if not fits:
        raise StudyError(f"{path}: of another length than the files beside it")
