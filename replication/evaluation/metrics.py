"""MIND's official ranking metrics, for all impressions at once.

Definitions: ``evaluate.py`` of https://github.com/msnews/MIND. Impressions come in CSR form: the
candidates of impression i are ``offsets[i]:offsets[i + 1]`` of the flat score and label arrays.

Position rule: candidates are ranked by descending score, and among equal scores the LATER candidate
comes first. That is the official ``argsort(score)[::-1]`` with a stable sort, so that the result
does not depend on the sorting library. Ties touch MRR and nDCG only; `tied` tells how many there
are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from replication.files.errors import StudyError

METRICS = ("auc", "mrr", "ndcg@5", "ndcg@10")


@dataclass(frozen=True)
class Ranking:
    """Where the C clicked candidates of I impressions stand; all that the metrics need to know."""

    candidates: np.ndarray  # (I,) int64: candidates per impression
    clicks: np.ndarray  # (I,) int64: clicked candidates per impression
    tied: np.ndarray  # (I,) bool: at least two candidates have the same score
    impression: np.ndarray  # (C,) int64: the impression of each click, its best click first
    position: np.ndarray  # (C,) int64: place of the click in its impression, 1 is the top
    beaten: np.ndarray  # (C,) float64: candidates scored lower, others scored equal count 1/2


def rank(scores: np.ndarray, labels: np.ndarray, offsets: np.ndarray) -> Ranking:
    """Rank the candidates of every impression with two sorts.

    scores: (N,) float; labels: (N,) int8, 1 = clicked, 0 = not; offsets: (I + 1,) int64 from 0 to
    N. Raises StudyError for a score that is not finite or another label, naming the impression's
    index, and ValueError for arrays whose shapes disagree.
    """
    if not len(scores) == len(labels) == offsets[-1] or offsets[0] != 0:
        raise ValueError(f"{len(scores)} scores, {len(labels)} labels, offsets to {offsets[-1]}")
    sizes = np.diff(offsets)
    impression = np.repeat(np.arange(len(sizes)), sizes)
    _require(np.isfinite(scores), impression, scores, "score", "a finite number")
    _require((labels == 0) | (labels == 1), impression, labels, "label", "0 or 1")

    # One integer key for (impression, score) sorts several times faster than lexsort: scores become
    # dense levels, and the impressions are in order already, which the stable sort makes use of.
    by_score = np.argsort(scores)
    ascending = scores[by_score]
    level = np.empty(len(scores), dtype=np.int64)
    level[by_score] = np.cumsum(np.diff(ascending, prepend=ascending[:1]) > 0)
    key = impression * len(scores) + level
    order = np.argsort(key, kind="stable")
    key = key[order]  # each impression keeps its place, its scores ascend

    tied = np.zeros(len(sizes), dtype=bool)
    tied[impression[1:][key[1:] == key[:-1]]] = True
    at = np.flatnonzero(labels[order])[::-1]  # best first: sums run in the order of the formulas
    owner = impression[at]
    equal_from = np.searchsorted(key, key[at], side="left")
    equal_to = np.searchsorted(key, key[at], side="right")
    return Ranking(
        candidates=sizes,
        clicks=np.bincount(owner, minlength=len(sizes)),
        tied=tied,
        impression=owner,
        position=offsets[owner + 1] - at,
        beaten=(equal_from + equal_to - 1) / 2 - offsets[owner],
    )


def auc(ranking: Ranking) -> np.ndarray:
    """(I,) float64: share of (click, non-click) pairs in the right order, a tie counting 1/2.

    sum over clicks of `beaten`, less the P(P - 1)/2 pairs of two clicks, over P (n - P): the
    Mann-Whitney statistic, equal to scikit-learn's ``roc_auc_score``, which evaluate.py calls.
    NaN without a click or without a non-click.
    """
    clicks = ranking.clicks
    won = _sum(ranking, ranking.beaten) - clicks * (clicks - 1) / 2
    return _ratio(won, clicks * (ranking.candidates - clicks))


def mrr(ranking: Ranking) -> np.ndarray:
    """(I,) float64: sum over clicks of 1/position, over the number of clicks (``mrr_score``).

    Not the reciprocal rank of the first hit alone. NaN without a click.
    """
    return _ratio(_sum(ranking, 1 / ranking.position), ranking.clicks)


def ndcg(ranking: Ranking, k: int) -> np.ndarray:
    """(I,) float64: DCG@k over the ideal DCG@k (``ndcg_score``); NaN without a click.

    DCG@k = sum over i < k of (2^rel_i - 1) / log2(i + 2), i from 0 at the top; a click gains 1.
    """
    discounts = 1 / np.log2(np.arange(k) + 2)
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])
    # Positions beyond k all fall on the 0 at the end.
    gains = np.append(discounts, 0.0)[np.minimum(ranking.position - 1, k)]
    return _ratio(_sum(ranking, gains), ideal[np.minimum(ranking.clicks, k)])


def impression_metrics(
    scores: np.ndarray, labels: np.ndarray, offsets: np.ndarray
) -> dict[str, np.ndarray]:
    """Every metric of every impression; arguments and errors are those of `rank`.

    Returns the METRICS, each (I,) float64 with NaN where undefined, and `tied`, (I,) bool.
    """
    ranking = rank(scores, labels, offsets)
    return {
        "auc": auc(ranking),
        "mrr": mrr(ranking),
        "ndcg@5": ndcg(ranking, 5),
        "ndcg@10": ndcg(ranking, 10),
        "tied": ranking.tied,
    }


def summarise(metrics: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Plain means over the impressions where a metric is defined, None where it never is.

    metrics: as from `impression_metrics`. Beside the means: `impressions`, `undefined` (how many
    impressions each mean leaves out) and `tied_share` (share of impressions with a tie, 0 to 1).
    """
    tied = metrics["tied"]
    return {
        **{name: known_mean(metrics[name]) for name in METRICS},
        "impressions": len(tied),
        "undefined": {name: int(np.isnan(metrics[name]).sum()) for name in METRICS},
        "tied_share": known_mean(tied),
    }


def _sum(ranking: Ranking, values: np.ndarray) -> np.ndarray:
    """Sum a value per click into a value per impression: (C,) -> (I,) float64."""
    return np.bincount(ranking.impression, weights=values, minlength=len(ranking.clicks))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)


def known_mean(values: np.ndarray | float | None) -> float | None:
    """Mean of a metric over where it is defined, NaN left out; None where it is nowhere."""
    values = np.asarray(values, dtype=np.float64)
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else None


def _require(
    good: np.ndarray, impression: np.ndarray, values: np.ndarray, name: str, expected: str
) -> None:
    if not good.all():
        bad = int(np.argmin(good))
        raise StudyError(
            f"impression at index {impression[bad]}: {name} {values[bad]} of candidate "
            f"{bad - np.searchsorted(impression, impression[bad]) + 1}; expected {expected}"
        )
