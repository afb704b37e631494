"""Paired comparisons against scipy on frames made by hand; files of every kind of damage."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from replication.browser.content import scores
from replication.browser.content.scores import compare_scores
from replication.evaluation.clusters import Clusters, mean_variance
from replication.evaluation.intervals import interval, resampled_means
from replication.evaluation.metrics import METRICS
from replication.mind.columns.ragged import Ragged

IMPRESSIONS = 400


def frame(seed: int, better: float = 0.0, count: int = IMPRESSIONS) -> pl.DataFrame:
    """Random scores of the same data; `better` is added to all of them."""
    rng = np.random.default_rng(seed)
    numbers = np.arange(1, count + 1)
    metrics = {name: rng.random(count) + better for name in METRICS}
    return pl.DataFrame(
        {
            "impression_id": numbers,
            "user": (numbers % 7).astype(np.int32),
            "history_length": (numbers % 11).astype(np.int32),
            "group": (numbers % 5).astype(np.int8),
            **metrics,
            "tied": numbers % 2 == 0,
        }
    )


@pytest.fixture
def compare(tmp_path, monkeypatch):
    """The comparison of two frames, by way of files, where no prepared data tell their articles."""
    monkeypatch.chdir(tmp_path)

    def of(a: pl.DataFrame, b: pl.DataFrame, samples: int = 500):
        a.write_parquet(tmp_path / "a.parquet")
        b.write_parquet(tmp_path / "b.parquet")
        return compare_scores(tmp_path / "a.parquet", tmp_path / "b.parquet", samples)

    return of


def test_each_metric_is_tested_as_scipy_does(compare):
    a, b = frame(1), frame(2, better=0.02)
    found = compare(a, b)
    assert found.problem is None
    assert [gap.metric for gap in found.gaps] == list(METRICS)
    for gap in found.gaps:
        x, y = a[gap.metric].to_numpy(), b[gap.metric].to_numpy()
        assert gap.a == pytest.approx(x.mean())
        assert gap.b == pytest.approx(y.mean())
        assert gap.difference == pytest.approx(y.mean() - x.mean())
        assert gap.p == pytest.approx(stats.ttest_rel(y, x).pvalue)
        assert gap.p_wilcoxon == pytest.approx(stats.wilcoxon(y, x).pvalue)
        assert gap.better == pytest.approx((y > x).mean())
        assert gap.worse == pytest.approx((y < x).mean())
        assert gap.equal == 0
        assert gap.impressions == IMPRESSIONS


def test_users_and_articles_widen_what_impressions_alone_would_say(compare, monkeypatch, tmp_path):
    """Forty impressions a clicked article, alike in what B gains: ten articles, not 400."""
    article = np.arange(IMPRESSIONS) // 40
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data/prepared/test"
    folder.mkdir(parents=True)
    order = np.random.default_rng(3).permutation(IMPRESSIONS)  # its order is another one
    Ragged.from_lengths(1 + article[order], np.ones(IMPRESSIONS, int)).save(folder, "candidates")
    for name, values in {
        "impression_id": order + 1,
        "user": order,
        "labels": order * 0 + 1,
    }.items():
        np.save(folder / f"{name}.npy", values)
    a = frame(1)
    gained = np.random.default_rng(4).normal(0, 0.02, 10)[article]
    found = compare(a, a.with_columns(auc=a["auc"] + gained))
    gap = found.gaps[0]
    assert found.naive is None and gap.p > 5 * gap.p_naive
    (low, high), (left, right) = gap.ci95, gap.ci95_naive
    assert (high - low) > 4 * (right - left)
    variance, _ = mean_variance(gained, Clusters.of(np.arange(IMPRESSIONS), article))
    assert variance == pytest.approx(gained[::40].var(ddof=1) / 10)
    # Impressions of other data tell nothing, and that is told.
    np.save(folder / "impression_id.npy", order + 2)
    told = compare(a, a.with_columns(auc=a["auc"] + gained), 501)
    assert told.naive == "data/prepared holds other impressions"
    assert told.gaps[0].p == told.gaps[0].p_naive


def test_the_interval_is_that_of_means_resampled_by_hand(compare):
    a, b = frame(1), frame(2, better=0.05)
    gap = compare(a, b, samples=4000).gaps[0]
    differences = (b["auc"] - a["auc"]).to_numpy()
    drawn = np.random.default_rng(9).choice(differences, size=(4000, IMPRESSIONS)).mean(axis=1)
    assert gap.ci95 == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.004)
    assert gap.ci95[0] < 0.05 + 0.03 and gap.ci95[1] > 0.05 - 0.03
    # The page multiplies all metrics at once: a processor may add up the columns in another order.
    alone = interval(resampled_means({"auc": differences}, 4000, 1)["auc"])
    assert gap.ci95 == pytest.approx(alone, abs=1e-12)


def test_adjusted_for_the_number_of_metrics_after_holm(compare):
    gaps = compare(frame(1), frame(2, better=0.03)).gaps
    for kind in ("p", "p_wilcoxon"):
        ranked = sorted(gaps, key=lambda gap: getattr(gap, kind))
        highest = 0.0
        for rank, gap in enumerate(ranked):
            highest = max(highest, min(1.0, (4 - rank) * getattr(gap, kind)))
            assert getattr(gap, f"{kind}_holm") == pytest.approx(highest)


def test_a_planted_difference_is_found_and_turns_with_the_runs(compare):
    a = frame(1)
    noise = np.random.default_rng(5).normal(0.01, 0.02, IMPRESSIONS)
    b = a.with_columns(auc=a["auc"] + noise)
    there, back = compare(a, b).gaps[0], compare(b, a).gaps[0]
    assert there.ci95[0] > 0
    assert there.p_holm < 0.001
    assert there.difference == pytest.approx(noise.mean())
    assert (back.difference, back.p) == pytest.approx((-there.difference, there.p))
    assert back.ci95 == pytest.approx((-there.ci95[1], -there.ci95[0]))
    assert (back.better, back.worse) == (there.worse, there.better)
    for gap in compare(a, b).gaps[1:]:
        assert (gap.difference, gap.p, gap.p_holm) == (0.0, 1.0, 1.0)


def test_a_run_and_itself(compare):
    for gap in compare(frame(1), frame(1)).gaps:
        assert (gap.difference, gap.p, gap.p_wilcoxon, gap.ci95) == (0.0, 1.0, 1.0, (0.0, 0.0))
        assert (gap.better, gap.equal, gap.worse) == (0.0, 1.0, 0.0)


def test_impressions_are_paired_by_number_whatever_their_order(compare):
    a, b = frame(1), frame(2)
    assert compare(a, b.sample(fraction=1, shuffle=True, seed=3)) == compare(a, b)
    named = [each.with_columns(pl.col("impression_id").cast(pl.String)) for each in (a, b)]
    assert compare(*named).gaps[0].p == pytest.approx(compare(a, b).gaps[0].p)


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_what_one_run_lacks_is_left_out_of_both(compare, missing):
    a, b = frame(1), frame(2)
    holes = a.with_columns(
        auc=pl.when(pl.col("impression_id") <= 100).then(pl.lit(missing)).otherwise("auc")
    )
    auc, mrr = compare(holes, b).gaps[:2]
    x, y = a["auc"].to_numpy()[100:], b["auc"].to_numpy()[100:]
    assert (auc.impressions, mrr.impressions) == (IMPRESSIONS - 100, IMPRESSIONS)
    assert (auc.a, auc.b) == pytest.approx((x.mean(), y.mean()))
    assert auc.p == pytest.approx(stats.ttest_rel(y, x).pvalue)
    assert auc.better + auc.worse == pytest.approx(1)


@pytest.mark.parametrize(("defined", "difference"), [(0, None), (1, 0.5)])
def test_too_few_impressions_leave_open_what_they_must(compare, defined, difference):
    few = [pl.Series([value] * defined + [None] * (9 - defined), dtype=pl.Float64)
           for value in (0.25, 0.75)]  # fmt: skip
    gaps = compare(*(frame(1, count=9).with_columns(auc=values) for values in few)).gaps
    gap = gaps[0]
    assert (gap.difference, gap.impressions) == (difference, defined)
    assert (gap.ci95, gap.p, gap.p_holm, gap.p_wilcoxon) == (None, None, None, None)
    assert gap.better == (1.0 if defined else None)
    assert (gap.a, gap.b) == ((0.25, 0.75) if defined else (None, None))
    assert gaps[1].p == 1.0


# ---------------------------------------------------------------- runs that cannot be paired


def test_other_impressions_are_not_paired(compare):
    moved = frame(2, count=1500).with_columns(pl.col("impression_id") + 300)
    assert compare(frame(1), moved).problem == (
        "A has 400 impressions, B 1,500, 100 in common: no paired test"
    )
    named = frame(2).with_columns(pl.col("impression_id").cast(pl.String))
    assert "0 in common" in compare(frame(1), named).problem


@pytest.mark.parametrize("column", ["user", "history_length"])
def test_the_same_number_on_other_data_is_not_paired(compare, column):
    found = compare(frame(1), frame(2).with_columns(pl.col(column) + 1))
    assert found.gaps == ()
    assert column in found.problem
    assert "data differ" in found.problem


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda f: f.drop("mrr"), "mrr"),
        (lambda f: f.with_columns(mrr=pl.lit("0.5")), "expected numbers"),
        (lambda f: f.clear(), "no impressions"),
        (lambda f: pl.concat([f, f[:1]]), "twice"),
        (lambda f: f.with_columns(mrr=pl.lit([0.5])), "expected numbers"),
        (lambda f: f.with_columns(impression_id=pl.lit(None)), "twice"),
    ],
)
def test_a_file_of_another_shape_is_named_with_its_reason(compare, tmp_path, damage, word):
    found = compare(frame(1), damage(frame(2)))
    assert found.gaps == ()
    assert str(tmp_path / "b.parquet") in found.problem
    assert word in found.problem


@pytest.mark.parametrize("kept", [0, 3, 100, 5000, -1])
def test_a_truncated_file_is_named_with_its_reason(tmp_path, kept):
    good, bad = tmp_path / "good.parquet", tmp_path / "bad.parquet"
    frame(1).write_parquet(good)
    bad.write_bytes(good.read_bytes()[:kept])
    for pair in ((good, bad), (bad, good)):
        found = compare_scores(*pair, 100)
        assert str(bad) in found.problem
        assert found.gaps == ()


def test_a_file_that_trips_polars_is_named(compare, tmp_path, monkeypatch):
    """Flipped bits do so now and then, and not for every version alike."""

    def trip(*_):
        raise pl.exceptions.PanicException("called `Option::unwrap()` on a `None` value")

    monkeypatch.setattr(scores, "read_columns", trip)
    assert str(tmp_path / "a.parquet") in compare(frame(1), frame(2)).problem


def test_a_file_that_is_not_there(tmp_path):
    frame(1).write_parquet(tmp_path / "a.parquet")
    assert "gone.parquet" in compare_scores(
        tmp_path / "a.parquet", tmp_path / "gone.parquet", 100
    ).problem  # fmt: skip


def test_files_are_read_again_only_when_they_change(compare, monkeypatch):
    first = compare(frame(1), frame(2))
    assert compare(frame(1), frame(3)) != first
    read = []
    real = scores.read_columns
    monkeypatch.setattr(scores, "read_columns", lambda *a: read.append(a) or real(*a))
    compare(frame(4), frame(5))
    assert len(read) == 2
