"""How far the news of a test impression is from what was trained on."""

from typing import NamedTuple

import numpy as np

from replication.mind.columns.prepared import SECONDS_A_DAY, Impressions
from replication.mind.columns.ragged import Ragged


class Exposure(NamedTuple):
    """told: what it is; unit: that a slope is per."""

    told: str
    unit: str


EXPOSURES = {
    "time": Exposure("time since training ended", "day"),
    "unseen": Exposure("share of candidates that training never showed", "from none to all"),
    "age": Exposure("mean age of the candidates since they were first shown", "day"),
}
# On invented clicks without drift AUC changes with these all the same: what is shown for long is
# what is clicked, and a page of such articles is harder or easier to rank than others.
MIXED_WITH_DIFFICULTY = ("unseen", "age")


def exposures(learned: Impressions, train: Impressions, test: Impressions) -> dict[str, np.ndarray]:
    """By the names of EXPOSURES, of each test impression: (I,) float64, NaN without candidates.

    learned  the training impressions that were learned from; train: all of them. An article's age
             counts from the first impression of `train` or `test` that shows it: what is older than
             the data seems as old as they are
    """
    articles = 1 + max(int(part.candidates.values.max(initial=0)) for part in (train, test))
    seen = np.zeros(articles, dtype=bool)
    seen[np.asarray(learned.candidates.values)] = True
    first = np.full(articles, np.iinfo(np.int64).max)
    for part in (train, test):
        np.minimum.at(first, np.asarray(part.candidates.values), _each(part.time, part.candidates))
    shown = np.asarray(test.candidates.values)
    age = (_each(test.time, test.candidates) - first[shown]) / SECONDS_A_DAY
    return {
        "time": (np.asarray(test.time) - int(np.asarray(learned.time).max())) / SECONDS_A_DAY,
        "unseen": _mean(~seen[shown], test.candidates),
        "age": _mean(age, test.candidates),
    }


def days_of(test: Impressions) -> int:
    """Calendar days on which there are test impressions."""
    return len(np.unique(np.asarray(test.time) // SECONDS_A_DAY))


def _each(values: np.ndarray, lists: Ragged) -> np.ndarray:
    """(I,) values of impressions at each of their candidates: (N,)."""
    return np.repeat(np.asarray(values), lists.lengths)


def _mean(values: np.ndarray, lists: Ragged) -> np.ndarray:
    """(N,) values of candidates -> their means over each impression: (I,)."""
    rows = np.repeat(np.arange(len(lists)), lists.lengths)
    sums = np.bincount(rows, weights=values, minlength=len(lists))
    return np.divide(sums, lists.lengths, out=np.full(len(lists), np.nan), where=lists.lengths > 0)
