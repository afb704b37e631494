"""Read MIND's behaviors.tsv: one impression per line."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from replication.mind.columns.ragged import Ragged
from replication.mind.tsv import read_rows, refuse, refuse_repeated

# In the file's order; source as in news.py.
FIELDS = ["impression_id", "user_id", "time", "history", "impressions"]
TIME_FORMAT = "%m/%d/%Y %I:%M:%S %p"
TIME_PATTERN = r"^\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d{2}:\d{2} [AP]M$"  # the format alone is laxer


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


def read_behaviors(path: Path, news_ids: pl.Series) -> Behaviors:
    """Read and check a behaviors.tsv whose articles all stand in `news_ids` (str, distinct).

    StudyError naming file, line and field for: a malformed line (see `read_rows`), an impression
    id that is repeated or no integer, an empty user, a bad time, no candidates, a candidate
    without -0 or -1, an article that is not in `news_ids`.
    """
    rows = read_rows(path, FIELDS)

    impression_id = rows["impression_id"].cast(pl.Int64, strict=False)
    refuse(path, rows["impression_id"], impression_id.is_null(), "not an integer", "an integer")
    refuse_repeated(path, impression_id)
    refuse(path, rows["user_id"], rows["user_id"].str.strip_chars() == "", "no user", "a user id")
    time = rows["time"].str.to_datetime(TIME_FORMAT, strict=False)
    well_formed = rows["time"].str.contains(TIME_PATTERN) & (time.dt.year() >= 1).fill_null(False)
    refuse(path, rows["time"], ~well_formed, "not a time", "one like 11/13/2019 8:36:57 AM")

    # MIND repeats a user's history on each impression: read each where it stands first.
    first = pl.col("row").first().over("user_id", "history")
    first_rows = rows.with_row_index("row").select(first)["row"].to_numpy()
    history_rows, history_row = np.unique(first_rows, return_inverse=True)
    clicks, history_lengths = _split(rows["history"][history_rows])
    read = _positions(path, clicks, np.repeat(history_rows, history_lengths), news_ids)

    impressions = rows["impressions"]
    refuse(path, impressions, impressions == "", "no candidates", "items like N55689-1 N35729-0")
    items, lengths = _split(impressions)
    item_rows = np.repeat(np.arange(len(rows)), lengths)
    clicked = items.str.ends_with("-1")
    labelled = clicked | items.str.ends_with("-0")
    refuse(path, items, ~labelled, "no label", "items like N55689-1 N35729-0", item_rows)
    candidates = _positions(path, items.str.head(-2), item_rows, news_ids)

    return Behaviors(
        impression_id=impression_id.to_numpy(),
        user_id=rows["user_id"],
        time=time.dt.epoch("s").to_numpy(),
        history_row=history_row.astype(np.int32),
        histories=Ragged.from_lengths(read, history_lengths),
        candidates=Ragged.from_lengths(candidates, lengths),
        labels=clicked.cast(pl.Int8).to_numpy(),
    )


def _split(texts: pl.Series) -> tuple[pl.Series, np.ndarray]:
    """Cut each text at its spaces: all items, one after another, and their number per text."""
    items = texts.replace("", None).str.split(" ")
    return items.explode(keep_nulls=False), items.list.len().fill_null(0).to_numpy()


def _positions(path: Path, ids: pl.Series, rows: np.ndarray, news_ids: pl.Series) -> np.ndarray:
    """Position of each article id in `news_ids`: int32; `rows` says where an id stands."""
    positions = ids.cast(pl.Enum(news_ids), strict=False).to_physical()
    expected = "the id of an article in news.tsv beside it"
    refuse(path, ids, positions.is_null(), "no such article", expected, rows)
    return positions.cast(pl.Int32).to_numpy()
