"""EB-NeRD (Danish; arXiv 2410.03432) as published, zipped or not: articles.parquet, and of train/
and validation/ each behaviors.parquet and history.parquet. validation/ becomes dev/."""

from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from replication.files.errors import StudyError
from replication.importers import tables
from replication.importers.base import (
    NO_TEXT,
    Batch,
    Importer,
    Split,
    batched,
    joined,
    positions,
    ranges,
    shown_candidates,
)

FOLDERS = {"train": "train", "dev": "validation"}
# Nothing else is read: of a reader no gender, age or postcode.
ARTICLES = {
    "article_id": tables.INTEGER,
    "title": tables.TEXT,
    "subtitle": tables.TEXT,
    "category": tables.INTEGER,
    "subcategory": tables.INTEGERS,
}
BEHAVIORS = {
    "impression_id": tables.INTEGER,
    "user_id": tables.INTEGER,
    "impression_time": tables.TIME,
    "article_ids_inview": tables.INTEGERS,
    "article_ids_clicked": tables.INTEGERS,
}
HISTORY = {
    "user_id": tables.INTEGER,
    "article_id_fixed": tables.INTEGERS,
    "impression_time_fixed": tables.TIMES,
}


class EbNerd(Importer):
    """The title is the title, the subtitle the abstract; an article without a title is left out.
    A user's history is the one published for the split, which impressions do not lengthen."""

    options = ("history",)

    def sources(self) -> list[Path]:
        if self.folder.is_file():
            if self.folder.suffix != ".zip":
                raise StudyError(f"{self.folder}: no folder; expected EB-NeRD's, or its zip")
            return [self.folder]
        names = [f"{folder}/{part}" for folder in FOLDERS.values() for part in _PARTS]
        found = [self.folder / name for name in ("articles.parquet", *names)]
        for path in found:
            if not path.is_file():
                raise StudyError(f"{path}: no such file; expected EB-NeRD's folder, or its zip")
        return found

    def _opened(self, name: str) -> AbstractContextManager[Path]:
        """The file of that name, unpacked from the zip for as long as the block lasts."""
        return tables.opened(self.folder if self.folder.is_file() else self.folder / name, name)

    @cached_property
    def _articles(self) -> tuple[pl.DataFrame, np.ndarray, int]:
        """News, their numbers (ascending), and how many had no title."""
        with self._opened("articles.parquet") as path:
            read = tables.read_parquet(path, ARTICLES)
            numbers = read["article_id"]
            tables.refuse(path, numbers, ~numbers.is_first_distinct(), "each article once")
        category = pl.col("category").cast(pl.String)
        news = read.sort("article_id").select(
            pl.col("article_id").cast(pl.Int64),
            pl.col("article_id").cast(pl.String).alias("news_id"),
            category,
            pl.col("subcategory").list.first().cast(pl.String).fill_null(category),
            tables.one_line(pl.col("title")),
            tables.one_line(pl.col("subtitle")).alias("abstract"),
        )
        told = news.filter(pl.col("title") != "")
        return told.drop("article_id"), told["article_id"].to_numpy(), len(news) - len(told)

    def split(self, name: str) -> Split:
        news, numbers, silent = self._articles
        with self._opened(f"{FOLDERS[name]}/behaviors.parquet") as path:
            rows = tables.read_parquet(path, BEHAVIORS)
            ids = rows["impression_id"]
            tables.refuse(path, ids, ~ids.is_first_distinct(), "each impression once")
        split = Split(news, iter(()))
        split.left_out[NO_TEXT] = silent
        with self._opened(f"{FOLDERS[name]}/history.parquet") as path:
            histories = _Histories(path, news, numbers, self.asked.history)
        split.left_out["clicks of histories without text"] = histories.silent

        def batch(start: int, end: int) -> Batch:
            part = rows[start:end]
            shown, lengths = _flat(part["article_ids_inview"])
            clicks, many = _flat(part["article_ids_clicked"])
            clicked = _labels(shown, lengths, clicks, many)
            split.left_out["clicks on what was not in view"] += int(
                (~_labels(clicks, many, shown, lengths)).sum()
            )
            stays, codes, clicked, lengths = shown_candidates(
                positions(shown, numbers), clicked, lengths, split.left_out
            )
            part = part.filter(pl.Series(stays))
            history, read = histories.of(part["user_id"])
            return Batch(
                impression_id=part["impression_id"].to_numpy(),
                user_id=part["user_id"].cast(pl.String),
                time=tables.clock(part["impression_time"]),
                history=history,
                read=read,
                candidates=codes,
                clicked=clicked,
                lengths=lengths,
            )

        return Split(news, batched(batch, len(rows)), split.left_out)


_PARTS = ("behaviors.parquet", "history.parquet")


class _Histories:
    """The users' clicks before the split, oldest first."""

    def __init__(self, path: Path, news: pl.DataFrame, numbers: np.ndarray, most: int | None):
        read = tables.read_parquet(path, HISTORY)
        users = read["user_id"]
        tables.refuse(path, users, ~users.is_first_distinct(), "each user once")
        differ = read["article_id_fixed"].list.len() != read["impression_time_fixed"].list.len()
        tables.refuse(path, users, differ, "a user with as many times as articles")
        read = read.sort("user_id")
        users = read["user_id"]
        articles, lengths = _flat(read["article_id_fixed"])
        times, _ = _flat(read["impression_time_fixed"])
        rows = np.repeat(np.arange(len(users)), lengths)
        if ((np.diff(times) < 0) & (np.diff(rows) == 0)).any():
            articles = articles[np.lexsort((times, rows))]
        codes = positions(articles, numbers)
        self.silent = int((codes < 0).sum())
        rows, codes = rows[codes >= 0], codes[codes >= 0]
        lengths = np.bincount(rows, minlength=len(users))
        if most is not None:
            ends = np.cumsum(lengths)
            lengths = np.minimum(lengths, most)
            codes = codes[ranges(ends - lengths, ends)]
        self.users = users.cast(pl.Int64).to_numpy()
        self.codes, self.lengths = codes, lengths
        self.starts = np.cumsum(lengths) - lengths
        self.texts = joined(news["news_id"].gather(codes), lengths)

    def of(self, users: pl.Series) -> tuple[pl.Series, np.ndarray]:
        """The text of each user's history, "" where there is none, and all articles in them."""
        at = positions(users.cast(pl.Int64).to_numpy(), self.users)
        place = pl.Series(at).set(pl.Series(at < 0), None)
        known = np.flatnonzero(np.bincount(at[at >= 0], minlength=len(self.users)))
        starts = self.starts[known]
        read = self.codes[ranges(starts, starts + self.lengths[known])]
        return self.texts.gather(place).fill_null(""), read


def _flat(lists: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """All values, int64, and how many each list holds."""
    values = lists.explode(empty_as_null=False).to_physical().cast(pl.Int64)
    return values.to_numpy(), lists.list.len().cast(pl.Int64).to_numpy()


def _labels(
    items: np.ndarray, lengths: np.ndarray, marked: np.ndarray, many: np.ndarray
) -> np.ndarray:
    """Whether each of `items` is among those `marked` in its own row."""
    keys = _keys(items, lengths)
    return positions(keys, np.sort(_keys(marked, many), kind="stable")) >= 0


def _keys(items: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """A row and an article as one number; articles have 32 bits."""
    return (np.repeat(np.arange(len(lengths)), lengths) << 32) | (items & 0xFFFFFFFF)
