"""The figures of prepared data, as meta.json has them, and what it says of where they came from."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl

from replication.files.documents import read_json
from replication.mind.behaviors import Behaviors
from replication.mind.columns.prepared import SECONDS_A_DAY
from replication.mind.raw_files import FILES, SPLITS


def figures_of(
    release: str | None,
    behaviors: dict[str, Behaviors],
    news: dict[str, pl.DataFrame],
    articles: pl.DataFrame,
    users: pl.DataFrame,
) -> dict[str, Any]:
    """The figures of meta.json."""
    return {
        "release": release,
        "splits": {split: _describe(behaviors[split], news[split]) for split in SPLITS},
        **_totals(articles, users, behaviors),
    }


def zips_of(origin: Path, digests: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Of the splits that came in zips, what meta.json says of these; digests: of the files read."""
    splits = read_json(origin).get("splits") if origin.is_file() else None
    zips = {}
    for split, known in splits.items() if isinstance(splits, dict) else ():
        if not isinstance(known, dict) or known.get("file") is None:
            continue
        read = {file: digests.get(f"{split}/{file}") for file in FILES}
        verified = known.get("verified") is True and known.get("tables") == read
        zips[split] = {"file": known["file"], "sha256": known.get("sha256"), "verified": verified}
    return zips


def _describe(behaviors: Behaviors, news: pl.DataFrame) -> dict[str, Any]:
    """The split in figures."""
    day = behaviors.time // SECONDS_A_DAY
    impressions = len(behaviors.candidates)
    candidates = len(behaviors.labels)
    clicks = int(behaviors.labels.sum())
    return {
        "impressions": impressions,
        "users": behaviors.user_id.n_unique(),
        "candidates": candidates,
        "clicks": clicks,
        "news": len(news),
        **_describe_histories(_history_lengths(behaviors)),
        "candidates_mean": candidates / impressions,
        "clicks_mean": clicks / impressions,
        "first": _iso(behaviors.time.min()),
        "last": _iso(behaviors.time.max()),
        "last_day_impressions": int((day == day.max()).sum()),
        "missing_abstract_share": (news["abstract"] == "").mean(),
    }


def _history_lengths(behaviors: Behaviors) -> np.ndarray:
    """Clicks in the history of each impression: (n,) int64."""
    return behaviors.histories.lengths[behaviors.history_row]


def _describe_histories(lengths: np.ndarray) -> dict[str, int | float]:
    """Clicks per impression in figures."""
    return {
        "empty_history_share": float((lengths == 0).mean()),
        "history_mean": float(lengths.mean()),
        "history_median": float(np.median(lengths)),
        "history_p95": float(np.percentile(lengths, 95)),
        "history_max": int(lengths.max()),
    }


def _totals(
    articles: pl.DataFrame, users: pl.DataFrame, behaviors: dict[str, Behaviors]
) -> dict[str, int | float]:
    """Both splits together; row 0 of either table is padding and not counted."""
    # Polars' own types do not tell what a column of numbers or of truth values sums up to.
    train_users = cast(int, users["in_train"].sum())
    largest = [cast(int, articles[label].max()) for label in ("category_id", "subcategory_id")]
    test_users = behaviors["test"].user_id.n_unique()
    test_only_users = len(users) - 1 - train_users
    return {
        "articles": len(articles) - 1,
        "test_only_articles": len(articles) - 1 - cast(int, articles["in_train"].sum()),
        "users": len(users) - 1,
        "train_users": train_users,
        "test_users_unseen_share": test_only_users / test_users,
        "categories": articles["category"].n_unique() - 1,
        "subcategories": articles["subcategory"].n_unique() - 1,
        "labels": max(largest),
        "missing_abstract_share": cast(float, (articles["abstract"][1:] == "").mean()),
        "impressions": sum(len(b.candidates) for b in behaviors.values()),
        "candidates": sum(len(b.labels) for b in behaviors.values()),
        "clicks": sum(int(b.labels.sum()) for b in behaviors.values()),
        **_describe_histories(np.concatenate([_history_lengths(b) for b in behaviors.values()])),
    }


def _iso(seconds: np.int64) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).replace(tzinfo=None).isoformat()
