"""Impressions of clicks alone: what else was shown is drawn from what others chose at the time."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from replication.files.errors import StudyError
from replication.importers.base import Batch, Importer, Split, batched, joined, ranges
from replication.importers.tables import clock

DAY = 24 * 3600  # seconds
HISTORY = 50  # clicks, as profile `local` reads
_ROUNDS = 20  # of drawing again what the user knows
_AGAIN = "events of an article that the user had before"


@dataclass(frozen=True)
class Events:
    """n events, in any order: who met which article, when, and whether that is a click.

    user (n,) int, position in `users`. article (n,) int, position in `news`. time (n,) int64,
    seconds since 1970. click (n,) bool. news as in `Split`. left_out: what the reader left out
    """

    user: np.ndarray
    article: np.ndarray
    time: np.ndarray
    click: np.ndarray
    users: pl.Series
    news: pl.DataFrame
    left_out: Counter


class Built(Importer):
    """Each click is an impression: the article, and others drawn from the events of all users in
    the `window` before it, each event alike, so that what is popular is drawn often and to be
    popular is worth nothing. An article that the user ever meets is not drawn for that user. The
    history is the user's clicks before it, the newest `history` of them.

    The last days (UTC) with at least a share `test` of all clicks are dev, and no fewer days do.
    """

    options = ("seed", "shown", "history", "test")
    window: int | None = None  # seconds; None: all that was before

    def events(self) -> Events:
        """`StudyError` naming file, row and column of what is malformed."""
        raise NotImplementedError

    @cached_property
    def _ordered(self) -> "_Ordered":
        return _Ordered(self.events(), self.asked.test)

    def split(self, name: str) -> Split:
        all_, asked = self._ordered, self.asked
        chosen = np.flatnonzero(all_.in_test == (name == "dev"))
        split = Split(all_.news, iter(()), Counter(all_.left_out if name == "train" else {}))
        rng = np.random.default_rng([asked.seed, int(name == "dev")])

        def batch(start: int, end: int) -> Batch:
            clicks = chosen[start:end]
            drawn = all_.draw(clicks, asked.shown - 1, self.window, rng)
            there = (drawn >= 0).any(axis=1)
            split.left_out["clicks with nothing to show beside"] += int((~there).sum())
            clicks, drawn = clicks[there], drawn[there]
            fewer = (drawn < 0).any(axis=1)
            split.left_out["impressions that stay with fewer candidates"] += int(fewer.sum())
            shown = np.column_stack([all_.article[clicks], drawn])
            order = rng.random(shown.shape).argsort(axis=1)
            shown = np.take_along_axis(shown, order, axis=1)
            kept = shown >= 0
            lo = np.maximum(all_.user_start[clicks],
                            all_.before[clicks] - (asked.history or HISTORY))  # fmt: skip
            read = all_.article[ranges(lo, all_.before[clicks])]
            ids = all_.news["news_id"].gather(read)
            return Batch(
                impression_id=np.arange(start, end)[there] + 1,
                user_id=all_.users.gather(all_.user[clicks]),
                time=clock(pl.Series(all_.time[clicks])),
                history=joined(ids, all_.before[clicks] - lo),
                read=read,
                candidates=shown[kept],
                clicked=(order == 0)[kept],
                lengths=kept.sum(axis=1),
            )

        return Split(all_.news, batched(batch, len(chosen)), split.left_out)


class _Ordered:
    """The events as impressions want them.

    user, article, time (c,): the clicks by user and time. user_start, before (c,): where the user's
    clicks begin, and where those of the same second do, which are no history. in_test (c,) bool.
    """

    def __init__(self, events: Events, share: float) -> None:
        order = np.lexsort((events.article, events.time, events.user))
        user, article = events.user[order].astype(np.int64), events.article[order]
        time, click = events.time[order], events.click[order]
        self.known, first = np.unique(user * len(events.news) + article, return_index=True)
        first.sort()
        self.left_out = Counter(events.left_out)
        self.left_out[_AGAIN] += len(user) - len(first)
        user, article, time, click = user[first], article[first], time[first], click[first]
        by_time = np.argsort(time, kind="stable")
        self.pool, self.pool_time = article[by_time], time[by_time]
        self.user, self.article, self.time = user[click], article[click], time[click]
        self.news, self.users = events.news, events.users
        new_user = np.diff(self.user, prepend=-1) != 0
        new_time = new_user | (np.diff(self.time, prepend=-1) != 0)
        places = np.arange(len(self.user))
        self.user_start = np.maximum.accumulate(np.where(new_user, places, 0))
        self.before = np.maximum.accumulate(np.where(new_time, places, 0))
        self.in_test = _last_days(self.time // DAY, share)

    def draw(
        self, clicks: np.ndarray, many: int, window: int | None, rng: np.random.Generator
    ) -> np.ndarray:
        """(c,) places of clicks -> (c, many) articles, distinct in a row; -1: none was found."""
        time, user = self.time[clicks], self.user[clicks]
        ends = np.searchsorted(self.pool_time, time)
        starts = np.searchsorted(self.pool_time, time - window) if window else np.zeros_like(ends)
        drawn = np.full((len(clicks), many), -1, np.int32)
        for _ in range(_ROUNDS):
            rows, columns = np.nonzero((drawn < 0) & (ends > starts)[:, None])
            if not len(rows):
                break
            places = starts[rows] + (rng.random(len(rows)) * (ends - starts)[rows]).astype(int)
            article = self.pool[places]
            keys = user[rows] * len(self.news) + article
            at = np.searchsorted(self.known, keys).clip(max=len(self.known) - 1)
            drawn[rows, columns] = np.where(self.known[at] == keys, -1, article)
            touched = np.flatnonzero(np.bincount(rows, minlength=len(drawn)))
            part = drawn[touched]
            part[_repeated(part)] = -1
            drawn[touched] = part
        return drawn


def _repeated(drawn: np.ndarray) -> np.ndarray:
    """(n, k) bool: where an article stands in the row for a second time."""
    order = drawn.argsort(axis=1, kind="stable")
    ordered = np.take_along_axis(drawn, order, axis=1)
    same = np.zeros(drawn.shape, bool)
    same[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    repeated = np.zeros(drawn.shape, bool)
    np.put_along_axis(repeated, order, same, axis=1)
    return repeated


def _last_days(day: np.ndarray, share: float) -> np.ndarray:
    """(c,) days of clicks -> (c,) bool: those of the test."""
    days, counts = np.unique(day, return_counts=True)
    later = np.cumsum(counts[::-1])[::-1]  # clicks of this day and all after it
    enough = days[later >= share * len(day)]
    if len(days) < 3 or enough[-1] <= days[1]:
        raise StudyError(
            f"clicks on {len(days)} days, of which train would have fewer than two at --test "
            f"{share}; expected more days, or a smaller share"
        )
    return day >= enough[-1]
