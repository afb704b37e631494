"""What the labels of candidates allow: what can be learned from an impression, what be measured."""

from datetime import UTC, datetime

import numpy as np

from replication.files.errors import StudyError
from replication.mind.columns.prepared import SECONDS_A_DAY, Impressions
from replication.mind.columns.ragged import Ragged


def decided(candidates: Ragged, labels: np.ndarray) -> np.ndarray:
    """(n,) bool: the impression has a click and a candidate that was not clicked.

    On no other is there an AUC, or anything to learn. candidates: n rows; labels: (total,) int8.
    """
    owner = np.repeat(np.arange(len(candidates)), candidates.lengths)
    clicks = np.bincount(owner[np.asarray(labels) == 1], minlength=len(candidates))
    return (clicks > 0) & (clicks < candidates.lengths)


def require_decided(
    candidates: Ragged, labels: np.ndarray, where: str, purpose: str, remedy: str
) -> None:
    """StudyError unless one of the impressions is `decided`.

    where: the file, and which of its days; purpose: what cannot be done without; remedy: what to
    do.
    """
    if decided(candidates, labels).any():
        return
    clicked = np.asarray(labels) == 1
    found = "no impression has both a click (-1) and a candidate that was not clicked (-0)"
    if clicked.all() or not clicked.any():
        found = f"{'every' if clicked.any() else 'no'} candidate is labelled as clicked (-1)"
    raise StudyError(f"{where}: {found}, so {purpose}; expected an impression with both; {remedy}")


def days(time: np.ndarray) -> str:
    """The days that times (n,) in seconds since 1970 fall on: one, or the first and the last."""
    ends = (int(time.min()) // SECONDS_A_DAY, int(time.max()) // SECONDS_A_DAY)
    names = (str(datetime.fromtimestamp(day * SECONDS_A_DAY, UTC).date()) for day in ends)
    return " to ".join(dict.fromkeys(names))


def negatives(impressions: Impressions) -> np.ndarray:
    """(total,) bool: the candidates that stand for what the user passed over.

    That is each article which was not clicked in the impression, once: one that stands there twice
    counts where it stands first, and as clicked if it was clicked in either place.
    """
    candidates, labels = impressions.candidates, np.asarray(impressions.labels)
    articles = np.asarray(candidates.values).astype(np.int64)
    owner = np.repeat(np.arange(len(candidates)), candidates.lengths)
    pair = owner * (articles.max(initial=0) + 1) + articles  # impression and article
    order = np.argsort(2 * pair + (labels == 0), kind="stable")  # of a pair, its clicks come first
    first = np.diff(pair[order], prepend=-1) != 0
    alone = np.zeros(len(pair), bool)
    alone[order[first]] = True
    return alone & (labels == 0)
