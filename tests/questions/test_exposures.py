"""How far an impression is from what was trained on, by a corpus small enough to count."""

import numpy as np

from replication.mind.columns.prepared import SECONDS_A_DAY, Impressions
from replication.mind.columns.ragged import Ragged
from replication.questions.exposures import days_of, exposures


def impressions(*rows: tuple[float, list[int]]) -> Impressions:
    """(day, candidates) each."""
    shown = [np.array(candidates, np.int32) for _, candidates in rows]
    none = np.zeros(len(rows), np.int32)
    return Impressions(
        impression_id=np.arange(len(rows)),
        user=none,
        time=np.array([int(day * SECONDS_A_DAY) for day, _ in rows]),
        history_row=none,
        user_of_history=none[:1],
        histories=Ragged.from_lengths(none[:0], np.zeros(1, np.int64)),
        candidates=Ragged.from_lengths(np.concatenate(shown), np.array([len(c) for c in shown])),
        labels=np.zeros(sum(map(len, shown)), np.int8),
    )


def test_each_exposure_is_what_counting_by_hand_gives():
    learned = impressions((0.0, [1, 2]), (1.0, [2, 3]))
    train = impressions((0.0, [1, 2]), (1.0, [2, 3]), (2.0, [4, 1]))  # the last day is held out
    test = impressions((3.0, [1, 4]), (3.5, [2, 5, 5, 5]), (4.0, [5, 6]))
    found = exposures(learned, train, test)
    np.testing.assert_allclose(found["time"], [2.0, 2.5, 3.0])
    np.testing.assert_allclose(found["unseen"], [0.5, 0.75, 1.0])
    np.testing.assert_allclose(found["age"], [(3 + 1) / 2, 3.5 / 4, (0.5 + 0) / 2])
    assert days_of(test) == 2 and days_of(impressions((3.0, [1]), (3.9, [1]))) == 1
