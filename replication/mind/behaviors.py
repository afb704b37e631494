"""Read MIND's behaviors.tsv: one impression per line."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from replication.mind.columns.ragged import Ragged
from replication.mind.tsv import ARTICLE_ID, UNSEEN, read_rows, refuse, refuse_repeated

# In the file's order; source as in news.py.
FIELDS = ["impression_id", "user_id", "time", "history", "impressions"]
ID_PATTERN = r"^[0-9]{1,18}$"  # what fits 64 bits
TIME_FORMAT = "%m/%d/%Y %I:%M:%S %p"
TIME_PATTERN = r"^\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d{2}:\d{2} [AP]M$"  # the format alone is laxer
_NO_TIME, _TIME = "not a time", "one like 11/13/2019 8:36:57 AM"
_NO_ARTICLE, _ARTICLE = "no such article", "the id of an article in news.tsv beside it"
_LABELLED = "items like N55689-1 N35729-0"


@dataclass(frozen=True)
class Behaviors:
    """The n impressions of one behaviors.tsv, in the file's order (row i is line i + 1).

    impression_id: (n,) int64. user_id: (n,) str.
    time: (n,) int64, seconds since 1970 on the file's own clock (MIND names no time zone).
    history_row: (n,) int32, the row of `histories` with the user's clicks, oldest first.
    histories: int32, one row per distinct (user, history), in order of first appearance.
    candidates: int32, one row per impression.
    labels: int8, parallel to ``candidates.values``; 1 = clicked.
    Articles are positions in the `news_ids` given to `read_behaviors`.
    """

    impression_id: np.ndarray
    user_id: pl.Series
    time: np.ndarray
    history_row: np.ndarray
    histories: Ragged
    candidates: Ragged
    labels: np.ndarray


@dataclass(frozen=True)
class Items:
    """Article ids (str) in one field of a table, one after another.

    rows: (total,) int64, the row of the file that each stands on. lengths: how many each text holds
    that was cut into them.
    """

    ids: pl.Series
    rows: np.ndarray
    lengths: np.ndarray


@dataclass(frozen=True)
class Lines:
    """What a behaviors.tsv says by itself: rows, str, as they stand, and what was read in them.

    impression_id: (n,) int64. history_row: (n,) int64, which of the distinct (user, history) pairs,
    whose articles are `clicks`. candidates: those of each impression; labels: int8, parallel to
    their ids.
    """

    rows: pl.DataFrame
    impression_id: np.ndarray
    history_row: np.ndarray
    clicks: Items
    candidates: Items
    labels: np.ndarray


def read_behaviors(path: Path, news_ids: pl.Series) -> Behaviors:
    """Read and check a behaviors.tsv whose articles all stand in `news_ids` (str, distinct).

    StudyError naming file, line and field for what `read_impressions` refuses, for a bad time and
    for an article that is not in `news_ids`.
    """
    lines = read_impressions(path)
    time = lines.rows["time"]
    seconds = time.str.to_datetime(TIME_FORMAT, strict=False)
    well_formed = time.str.contains(TIME_PATTERN) & (seconds.dt.year() >= 1).fill_null(False)
    refuse(path, time, ~well_formed, _NO_TIME, _TIME)
    read = _positions(path, lines.clicks, news_ids)
    candidates = _positions(path, lines.candidates, news_ids)
    return Behaviors(
        impression_id=lines.impression_id,
        user_id=lines.rows["user_id"],
        time=seconds.dt.epoch("s").to_numpy(),
        history_row=lines.history_row.astype(np.int32),
        histories=Ragged.from_lengths(read, lines.clicks.lengths),
        candidates=Ragged.from_lengths(candidates, lines.candidates.lengths),
        labels=lines.labels,
    )


def read_impressions(path: Path) -> Lines:
    """Read a behaviors.tsv as far as it can be checked by itself: no news.tsv is needed, and the
    time is left as it is.

    StudyError naming file, line and field for: a malformed line (see `read_rows`), an impression
    id that is repeated or no integer, an empty user, no candidates, a candidate without -0 or -1,
    what cannot be an article's id, and white space or marks that cannot be seen in any field.
    """
    rows = read_rows(path, FIELDS)
    ids, users, time = rows["impression_id"], rows["user_id"], rows["time"]
    refuse(path, ids, ~ids.str.contains(ID_PATTERN), "not an integer", "an integer")
    impression_id = ids.cast(pl.Int64)
    refuse_repeated(path, impression_id)
    refuse(path, users, users.str.contains(f"^$|{UNSEEN}"), "no user", "a user id")
    refuse(path, time, time.str.contains(UNSEEN), _NO_TIME, _TIME)

    # MIND repeats a user's history on each impression: read each where it stands first.
    first = pl.col("row").first().over("user_id", "history")
    first_rows = rows.with_row_index("row").select(first)["row"].to_numpy()
    history_rows, history_row = np.unique(first_rows, return_inverse=True)
    clicks = _split(rows["history"], history_rows)
    _refuse_ids(path, clicks, rows["history"])

    impressions = rows["impressions"]
    refuse(path, impressions, impressions == "", "no candidates", _LABELLED)
    candidates = _split(impressions, np.arange(len(rows)))
    labels = candidates.ids.str.tail(2)
    unlabelled = ~labels.is_in(["-0", "-1"])
    refuse(path, candidates.ids, unlabelled, "no label", _LABELLED, candidates.rows, impressions)
    candidates = replace(candidates, ids=candidates.ids.str.head(-2))
    _refuse_ids(path, candidates, impressions)
    clicked = (labels == "-1").cast(pl.Int8).to_numpy()
    return Lines(rows, impression_id.to_numpy(), history_row, clicks, candidates, clicked)


def _split(texts: pl.Series, rows: np.ndarray) -> Items:
    """Cut the texts on these `rows` of the file at their spaces."""
    items = texts[rows].replace("", None).str.split(" ")
    lengths = items.list.len().fill_null(0).to_numpy()
    return Items(items.explode(keep_nulls=False), np.repeat(rows, lengths), lengths)


def _refuse_ids(path: Path, items: Items, whole: pl.Series) -> None:
    """StudyError about the first item that is no article's id; `whole`: the fields it stands in."""
    bad = ~items.ids.str.contains(ARTICLE_ID)
    refuse(path, items.ids, bad, _NO_ARTICLE, _ARTICLE, items.rows, whole)


def _positions(path: Path, items: Items, news_ids: pl.Series) -> np.ndarray:
    """Position of each article id in `news_ids`: int32."""
    positions = items.ids.cast(pl.Enum(news_ids), strict=False).to_physical()
    refuse(path, items.ids, positions.is_null(), _NO_ARTICLE, _ARTICLE, items.rows)
    return positions.cast(pl.Int32).to_numpy()
