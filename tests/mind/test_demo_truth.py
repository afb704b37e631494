"""The truth behind the demo's clicks: exact odds, honest clicks, and a ceiling worth reaching."""

import itertools
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marginals import BEHAVIORS, NEWS, read

from replication.mind.demo.inclusion import inclusion_probabilities


@pytest.fixture(scope="module")
def clicks(demo_corpus: Path) -> pl.DataFrame:
    """One row per candidate of both splits, with its click and its true probability."""
    parts = []
    for split in ("train", "dev"):
        log = read(demo_corpus / split / "behaviors.tsv", BEHAVIORS).select(
            pl.lit(split).alias("split"),
            pl.col("impression").cast(pl.Int64).alias("impression_id"),
            "user",
            "history",
            pl.col("candidates").str.split(" ").alias("candidate"),
        )
        rows = log.with_columns(
            pl.int_ranges(pl.col("candidate").list.len(), dtype=pl.Int32).alias("position")
        ).explode("candidate", "position")
        parts.append(
            rows.with_columns(
                pl.col("candidate").str.head(-2),
                pl.col("candidate").str.ends_with("-1").alias("click"),
            )
        )
    truth = pl.read_parquet(demo_corpus / "truth.parquet")
    assert truth.schema == {
        "split": pl.String,
        "impression_id": pl.Int64,
        "position": pl.Int32,
        "probability": pl.Float64,
    }
    every = pl.concat(parts)
    joined = every.join(truth, on=["split", "impression_id", "position"], how="inner")
    assert len(joined) == len(every) == len(truth)
    return joined


def auc(rows: pl.DataFrame, score: str) -> float:
    """Mean over impressions of the chance that a click outranks a non-click (ties one half)."""
    ranked = rows.with_columns(pl.col(score).rank("average").over("impression_id").alias("rank"))
    each = ranked.group_by("impression_id").agg(
        pl.col("rank").filter("click").sum().alias("ranks"),
        pl.col("click").sum().alias("m"),
        pl.len().alias("n"),
    )
    m, n = pl.col("m").cast(pl.Float64), pl.col("n").cast(pl.Float64)
    return each.select(((pl.col("ranks") - m * (m + 1) / 2) / (m * (n - m))).mean()).item()


def test_probabilities_sum_to_the_clicks(clicks: pl.DataFrame):
    sums = clicks.group_by("split", "impression_id").agg(
        pl.col("probability").sum(), pl.col("click").sum()
    )
    assert np.allclose(sums["probability"], sums["click"], atol=1e-9)
    assert clicks["probability"].is_between(0, 1 + 1e-6).all()


@pytest.mark.parametrize("split", ["train", "dev"])
def test_clicks_happen_as_often_as_the_probabilities_say(clicks: pl.DataFrame, split: str):
    rows = clicks.filter(pl.col("split") == split).sort("probability")
    expected, observed, tested = rows["probability"].to_numpy(), rows["click"].to_numpy(), 0
    for part in np.array_split(np.arange(len(rows)), 25):
        mean = expected[part].mean()
        error = np.sqrt((expected[part] * (1 - expected[part])).sum()) / len(part)
        assert abs(observed[part].mean() - mean) < 4 * error + 1e-6
        tested += len(part)
    assert tested == len(rows)


def test_ceiling_and_baselines_are_apart(clicks: pl.DataFrame, demo_corpus: Path):
    subject = pl.concat(read(demo_corpus / s / "news.tsv", NEWS) for s in ("train", "dev")).unique(
        "id"
    )
    subject = subject.select("id", pl.col("subcategory"))
    test = clicks.filter(pl.col("split") == "dev").join(subject, left_on="candidate", right_on="id")

    popular = (
        clicks.filter(pl.col("click") & (pl.col("split") == "train"))
        .group_by("candidate")
        .agg(pl.len().alias("popularity"))
    )
    read_share = (
        test.unique("user")
        .select("user", pl.col("history").str.split(" ").alias("id"))
        .explode("id")
        .join(subject, on="id")
        .group_by("user", "subcategory")
        .agg(pl.len().alias("read"))
        .with_columns((pl.col("read") / pl.col("read").sum().over("user")).alias("share"))
    )
    test = (
        test.join(popular, on="candidate", how="left")
        .join(read_share, on=["user", "subcategory"], how="left")
        .with_columns(pl.col("popularity").fill_null(0), pl.col("share").fill_null(0.0))
    )
    ceiling, share = auc(test, "probability"), auc(test, "share")
    popularity = auc(test, "popularity")
    assert 0.77 < ceiling < 0.82
    assert 0.66 < share < 0.72
    assert 0.48 < popularity < 0.58
    length = pl.col("history").str.split(" ").list.len()
    assert auc(test.filter(length >= 20), "share") > auc(test.filter(length < 8), "share") + 0.02


def by_enumeration(weights: np.ndarray, m: int) -> np.ndarray:
    result = np.zeros(len(weights))
    for draws in itertools.permutations(range(len(weights)), m):
        chance, left = 1.0, weights.sum()
        for i in draws:
            chance *= weights[i] / left
            left -= weights[i]
        result[list(draws)] += chance
    return result


@given(
    st.lists(st.floats(-4, 4), min_size=2, max_size=6).flatmap(
        lambda logits: st.tuples(st.just(logits), st.integers(1, len(logits) - 1))
    )
)
@settings(max_examples=60, deadline=None)
def test_inclusion_is_exact(case: tuple[list[float], int]):
    logits, m = np.array(case[0]), case[1]
    padded = np.full((1, 8), -np.inf)
    padded[0, : len(logits)] = logits
    found = inclusion_probabilities(padded, np.array([m]))[0]
    assert found[: len(logits)] == pytest.approx(by_enumeration(np.exp(logits), m), abs=2e-6)
    assert not found[len(logits) :].any()


def test_inclusion_ranks_as_the_weights_do():
    logits = np.sort(np.random.default_rng(0).normal(0, 1.5, (40, 60)), axis=1)
    clicks = np.arange(40) % 18 + 1
    found = inclusion_probabilities(logits, clicks)
    assert (np.diff(found, axis=1) > -1e-9).all()
    assert found.sum(axis=1) == pytest.approx(clicks)


def test_inclusion_of_equals_is_equal():
    found = inclusion_probabilities(np.zeros((1, 5)), np.array([3]))
    assert found[0] == pytest.approx(np.full(5, 0.6))
