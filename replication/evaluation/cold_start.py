"""Cold start: users by number of clicks, five groups as equal as ties allow, 1 = fewest clicks."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from replication.evaluation.clusters import Clusters
from replication.evaluation.intervals import bootstrap_ci
from replication.evaluation.metrics import METRICS, known_mean
from replication.evaluation.scoring import first_with_same_history
from replication.mind.columns.prepared import Impressions

FIFTHS = (20, 40, 60, 80)
HALVES = (50,)
FEW = 5  # clicks; the released code sets users with at most so many apart


def user_groups(
    impressions: Impressions,
    rule: Literal["users", "histories"],
    history: int,
    percentiles: Sequence[float] = FIFTHS,
) -> np.ndarray:
    """The group of each impression, 1 (fewest clicks) to one more than `percentiles`: (I,) int8.

    rule `users`: the groups' borders are percentiles of the clicks of the impressions' distinct
    users. A user with several histories counts once, by the longest, which places all of the user's
    impressions. rule `histories`, as in `evaluate_popular` of the released code (D10): percentiles
    over distinct histories (the same articles in the same order, whosever they are; the empty one
    is one), clicks counted up to `history`, and an impression goes by its own history.

    Percentiles are interpolated linearly. Clicks equal to a border go down, so that ties can leave
    a group small or empty.
    """
    rows, row_of = np.unique(impressions.history_row, return_inverse=True)
    histories = impressions.histories.take(rows)
    if rule == "users":
        _, user_of_row = np.unique(impressions.user_of_history[rows], return_inverse=True)
        counted = _longest(user_of_row, histories.lengths)
        clicks = counted[user_of_row]
    else:
        clicks = np.minimum(histories.lengths, history)
        counted = clicks[np.unique(first_with_same_history(histories))]
    if not len(counted):
        return np.empty(0, np.int8)
    borders = np.percentile(counted, percentiles)
    return (1 + np.searchsorted(borders, clicks, side="left")).astype(np.int8)[row_of]


def cold_start(
    metrics: Mapping[str, np.ndarray],
    lengths: np.ndarray,
    groups: np.ndarray,
    users: np.ndarray,
    samples: int,
    seed: int,
    halves: np.ndarray | None = None,
    clusters: Clusters | None = None,
) -> dict[str, Any]:
    """Metrics of each group of users, with 95 % intervals: the content of cold_start.json.

    metrics: METRICS -> (I,) float64, NaN where undefined; lengths: (I,) int, clicks in the whole
    history; groups: (I,) int, 1 to 5; users: (I,) int; halves: (I,) int, 1 or 2, from `user_groups`
    with the percentiles HALVES; clusters: what the intervals allow for, None takes impressions as
    independent.

    Returns `groups`, a list of five, `at_most_5` and `more_than_5` (impressions by clicks), and
    with `halves` also `lower_half` and `upper_half`. Each holds users, impressions, clicks_mean,
    clicks_min and clicks_max over its users (by the longest history that a user has in it), the
    METRICS, and ci95 by metric; an empty one has null for all but the counts. All intervals come
    from the same resamples of all impressions.
    """
    members: dict[int | str, np.ndarray] = {group: groups == group for group in range(1, 6)}
    members |= {f"at_most_{FEW}": lengths <= FEW, f"more_than_{FEW}": lengths > FEW}
    if halves is not None:
        members |= {"lower_half": halves == 1, "upper_half": halves == 2}
    values = {
        (name, metric): np.where(inside, metrics[metric], np.nan)
        for name, inside in members.items()
        for metric in METRICS
    }
    intervals = bootstrap_ci(values, samples, seed, clusters=clusters)
    found: dict[int | str, dict[str, Any]] = {
        name: {
            **_counts(users[inside], lengths[inside]),
            **{metric: known_mean(values[name, metric]) for metric in METRICS},
            "ci95": {metric: intervals[name, metric] for metric in METRICS},
        }
        for name, inside in members.items()
    }
    fifths = [{"group": group, **found.pop(group)} for group in range(1, 6)]
    return {"groups": fifths, **{str(name): group for name, group in found.items()}}


def _counts(users: np.ndarray, lengths: np.ndarray) -> dict[str, Any]:
    distinct, user_of = np.unique(users, return_inverse=True)
    clicks = _longest(user_of, lengths)
    some = len(clicks) > 0
    return {
        "users": len(distinct),
        "impressions": len(users),
        "clicks_mean": float(clicks.mean()) if some else None,
        "clicks_min": int(clicks.min()) if some else None,
        "clicks_max": int(clicks.max()) if some else None,
    }


def _longest(owner: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The largest of the lengths (n,) of each owner 0, 1, ...: (owners,) int64."""
    longest = np.zeros(owner.max(initial=-1) + 1, np.int64)
    np.maximum.at(longest, owner, lengths)
    return longest
