"""What a data set is asked for, and what it gives: impressions in batches, articles as numbers."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

SPLITS = ("train", "dev")
BATCH = 100_000  # impressions: memory follows it
NO_TEXT = "articles without text"


@dataclass(frozen=True)
class Options:
    """What the user may choose; which of them a data set reads, its `options` say.

    seed      of all that is drawn
    shown     candidates of an impression that is built, the click among them
    history   the newest clicks that are kept of a user; None: what the data set does by itself
    test      the share of impressions that the last days must have, in (0, 1)
    mind      MIND's folder with train/ and dev/
    language  of the translations, three letters
    """

    seed: int = 1
    shown: int = 20
    history: int | None = None
    test: float = 0.1
    mind: Path | None = None
    language: str | None = None


@dataclass(frozen=True)
class Batch:
    """n impressions. Articles are positions in `Split.news`.

    impression_id (n,) int64, each once in the split. user_id (n,) str. time (n,) str, as MIND
    writes it. history (n,) str: ids, oldest first. read (any,) int: all articles of the histories.
    candidates (total,) int and clicked (total,) bool, one impression after another; lengths (n,)
    """

    impression_id: np.ndarray
    user_id: pl.Series
    time: pl.Series
    history: pl.Series
    read: np.ndarray
    candidates: np.ndarray
    clicked: np.ndarray
    lengths: np.ndarray


@dataclass(frozen=True)
class Split:
    """news: str, news_id, category, subcategory, title, abstract; the writer keeps what is used.
    left_out: how many of what, by the rule that left it out; full when the batches are done."""

    news: pl.DataFrame
    batches: Iterator[Batch]
    left_out: Counter = field(default_factory=Counter)


class Importer:
    """A data set as it is published, in `folder`."""

    options: tuple[str, ...] = ()  # those that it reads

    def __init__(self, folder: Path, options: Options) -> None:
        self.folder, self.asked = folder, options

    def sources(self) -> list[Path]:
        """The files that are read. `StudyError` where one is missing."""
        raise NotImplementedError

    def split(self, name: str) -> Split:
        """`train` or `dev`. `StudyError` naming file, row and column of what is malformed."""
        raise NotImplementedError


def shown_candidates(
    codes: np.ndarray, clicked: np.ndarray, lengths: np.ndarray, left_out: Counter
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The rules for what was shown: (impressions that stay (n,) bool, and of these alone
    candidates, clicked, lengths).

    codes (total,) int, -1: an article without text. Such a candidate is left out, clicked or not;
    then an impression with no click left, and one where there is nothing but clicks.
    """
    n = len(lengths)
    rows = np.repeat(np.arange(n), lengths)
    told = codes >= 0
    clicks = np.bincount(rows[clicked], minlength=n)
    kept_clicks = np.bincount(rows[clicked & told], minlength=n)
    others = np.bincount(rows[~clicked & told], minlength=n)
    stays = (kept_clicks > 0) & (others > 0)
    left_out["candidates without text"] += int((~told).sum())
    left_out["impressions without a click"] += int((clicks == 0).sum())
    without = (clicks > 0) & (kept_clicks == 0)
    left_out["impressions whose clicks have no text"] += int(without.sum())
    left_out["impressions with nothing but clicks"] += int(
        ((kept_clicks > 0) & (others == 0)).sum()
    )
    keep = told & stays[rows]
    return stays, codes[keep], clicked[keep], (kept_clicks + others)[stays]


def joined(texts: pl.Series, lengths: np.ndarray) -> pl.Series:
    """(total,) str, `lengths` (n,) of them a row -> (n,) str, divided by spaces; none: ""."""
    starts = np.cumsum(lengths) - lengths
    order = np.argsort(lengths, kind="stable")
    sizes, counts = np.unique(lengths, return_counts=True)
    parts, done = [pl.Series([], dtype=pl.String)], 0
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):  # all rows of one length
        rows = order[done : done + count]
        done += count
        if size == 0:
            parts.append(pl.repeat("", count, eager=True))
            continue
        places = (starts[rows][:, None] + np.arange(size)).ravel()
        table = texts.gather(places).reshape((count, size)).arr.to_list()
        parts.append(table.list.join(" "))
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    return pl.concat(parts).gather(back)


def ranges(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """All whole numbers from starts[i] to ends[i] - 1, one range after another."""
    lengths = ends - starts
    before = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(starts - before, lengths)


def positions(wanted: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Where each of `wanted` first stands in `known` (ascending); -1: nowhere."""
    if not len(known):
        return np.full(len(wanted), -1)
    at = np.searchsorted(known, wanted).clip(max=len(known) - 1)
    return np.where(known[at] == wanted, at, -1)


def batched(make: Callable[[int, int], Batch], n: int) -> Iterator[Batch]:
    """`make(start, end)` for n impressions, some at a time."""
    for start in range(0, n, BATCH):
        yield make(start, min(start + BATCH, n))
