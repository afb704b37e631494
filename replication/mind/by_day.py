"""A test split of several days, for what changes with time: the first days against the others."""

from pathlib import Path

import numpy as np
import polars as pl

from replication.files.errors import StudyError
from replication.mind.behaviors import Behaviors
from replication.mind.columns.prepared import SECONDS_A_DAY


def by_day(behaviors: Behaviors, train_days: int, path: Path) -> dict[str, Behaviors]:
    """The impressions of the first `train_days` calendar days, and those of the days after them.

    Histories are those of one split throughout, so that the days differ in what is shown alone.
    `StudyError` naming the parameter where that leaves fewer than two days of either: one of the
    training days may be held out (D1), and one day of test tells nothing of time.
    """
    day = behaviors.time // SECONDS_A_DAY
    known = np.unique(day)
    if not 2 <= train_days <= len(known) - 2:
        raise StudyError(
            f"data.train_days: is {train_days}, but {path} has {len(known)} days; expected 2 to "
            f"{len(known) - 2}, or null"
        )
    early = day < known[train_days]
    return {"train": _select(behaviors, early), "test": _select(behaviors, ~early)}


def _select(behaviors: Behaviors, rows: np.ndarray) -> Behaviors:
    """The impressions of a mask (n,), with the histories that they refer to."""
    used, history_row = np.unique(behaviors.history_row[rows], return_inverse=True)
    return Behaviors(
        impression_id=behaviors.impression_id[rows],
        user_id=behaviors.user_id.filter(pl.Series(rows)),
        time=behaviors.time[rows],
        history_row=history_row.astype(np.int32),
        histories=behaviors.histories.take(used),
        candidates=behaviors.candidates.take(rows),
        labels=behaviors.labels[behaviors.candidates.positions(rows)],
    )
