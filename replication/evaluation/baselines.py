"""Scores that know nothing of the text: chance, popularity, and the ceiling of a synthetic corpus.

All return one score per candidate, flat, in the order of the candidates of all impressions.
"""

from pathlib import Path

import numpy as np
import polars as pl

from replication.files.errors import StudyError


def random_scores(candidates: int, seed: int) -> np.ndarray:
    """(N,) float64, uniform in [0, 1): the floor of every metric. The seed fixes them."""
    return np.random.default_rng(seed).random(candidates)


def popularity_scores(
    train_candidates: np.ndarray, train_labels: np.ndarray, articles: int, candidates: np.ndarray
) -> np.ndarray:
    """(N,) float64: how often the candidate was clicked in the training impressions.

    train_candidates: (M,) int article of each training candidate; train_labels: (M,) int8,
    1 = clicked; articles: size of the catalogue, ids are 0 to articles - 1; candidates: (N,) int.
    Click histories do not count: they are the training period's past, not its impressions. An
    article unseen in training scores 0. Raises StudyError for an id outside the catalogue.
    """
    for ids in (train_candidates, candidates):
        outside = ids[(ids < 0) | (ids >= articles)]
        if len(outside):
            raise StudyError(
                f"article id {outside[0]} among the candidates; expected 0 to {articles - 1}: "
                "run the prepare stage again"
            )
    clicks = np.bincount(train_candidates[train_labels == 1], minlength=articles)
    return clicks[candidates].astype(np.float64)


def true_probabilities(
    truth: Path, impression_ids: np.ndarray, offsets: np.ndarray, split: str = "dev"
) -> np.ndarray:
    """(N,) float64: the click probabilities a synthetic corpus was drawn from, as scores.

    No model can expect to rank better: this is the ceiling of the corpus. truth: Parquet with the
    columns split, impression_id, position (from 0, in the order of the impression's candidates) and
    probability; impression_ids: (I,) int; offsets: (I + 1,) int64. Raises StudyError where the file
    cannot be read or does not give each candidate exactly one probability in [0, 1].
    """
    columns = [
        pl.col("impression_id").cast(pl.Int64),
        pl.col("position").cast(pl.Int64),
        pl.col("probability").cast(pl.Float64),
    ]
    try:
        known = pl.scan_parquet(truth).filter(pl.col("split") == split).select(columns).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise StudyError(f"{truth}: {reason}; expected the corpus's true probabilities") from error

    sizes = np.diff(offsets)
    wanted = pl.DataFrame({"impression_id": impression_ids, "candidates": sizes}).cast(pl.Int64)
    found = known.group_by("impression_id").len("found")
    wrong = (
        wanted.join(found, on="impression_id", how="left")
        .with_columns(pl.col("found").fill_null(0))
        .filter(pl.col("found") != pl.col("candidates"))
    )
    if len(wrong):
        first = wrong.row(0, named=True)
        raise StudyError(
            f"{truth}, split {split}, impression {first['impression_id']}: {first['found']} "
            f"probabilities; expected {first['candidates']}, one per candidate"
        )

    # With the counts right, a position given twice leaves another one without a probability.
    candidates = pl.DataFrame(
        {
            "impression_id": np.repeat(impression_ids, sizes),
            "position": np.arange(offsets[-1]) - np.repeat(offsets[:-1], sizes),
        }
    ).cast(pl.Int64)
    aligned = candidates.join(
        known, on=["impression_id", "position"], how="left", maintain_order="left"
    )
    wrong = aligned.filter(~pl.col("probability").is_between(0, 1).fill_null(False))
    if len(wrong):
        first = wrong.row(0, named=True)
        raise StudyError(
            f"{truth}, split {split}, impression {first['impression_id']}, position "
            f"{first['position']}: probability {first['probability']}; expected a number in [0, 1]"
        )
    return aligned["probability"].to_numpy()
