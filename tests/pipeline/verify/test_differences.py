"""What counts as a difference between two outputs, and how large it may be."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from replication.files.errors import StudyError
from replication.pipeline.verify import tolerance
from replication.pipeline.verify.differences import differences

METRICS = {
    "auc": 0.60,
    "mrr": 0.25,
    "impressions": 3000,
    "tied_share": 0.0,
    "ci95": {"auc": [0.59, 0.61], "mrr": [0.24, 0.27]},
}


@pytest.fixture
def sides(tmp_path):
    """Two folders, and what differs between the file that is written to both."""

    class Sides:
        one, other = tmp_path / "one", tmp_path / "other"

        def json(self, one, other, name="metrics.json"):
            return self.files(name, *(json.dumps(x).encode() for x in (one, other)))

        def files(self, name, one, other):
            for folder, content in ((self.one, one), (self.other, other)):
                folder.mkdir(exist_ok=True)
                if content is not None:
                    (folder / name).write_bytes(content)
            return differences(f"reports/{name}", self.one / name, self.other / name)

        def arrays(self, one, other):
            for folder, array in ((self.one, one), (self.other, other)):
                folder.mkdir(exist_ok=True)
                np.save(folder / "x.npy", array)
            return differences("x.npy", self.one / "x.npy", self.other / "x.npy")

        def tables(self, one, other):
            for folder, table in ((self.one, one), (self.other, other)):
                folder.mkdir(exist_ok=True)
                table.write_parquet(folder / "x.parquet")
            return differences("x.parquet", self.one / "x.parquet", self.other / "x.parquet")

    return Sides()


@pytest.mark.parametrize(
    ("changes", "small"),
    [
        ({"auc": 0.6099}, True),  # the interval is 0.02 wide
        ({"auc": 0.5901}, True),
        ({"auc": 0.6101}, False),
        ({"mrr": 0.2649}, True),  # each metric has its own
        ({"mrr": 0.2651}, False),
        ({"impressions": 3001}, False),
        ({"tied_share": 0.009}, True),
        ({"tied_share": 0.011}, False),
        ({"auc": None}, False),
        ({"auc": 1}, False),
        ({"ci95": {"auc": [0.581, 0.61], "mrr": [0.24, 0.27]}}, True),
        ({"ci95": {"auc": [0.579, 0.61], "mrr": [0.24, 0.27]}}, False),
        ({"surprise": 1.0}, False),
    ],
)
def test_a_metric_may_differ_by_half_its_interval(sides, changes, small):
    (found,) = sides.json(METRICS, METRICS | changes)
    assert found.small is small and found.path == "reports/metrics.json"
    assert next(iter(changes)) in found.detail


def test_the_largest_difference_is_the_one_that_is_named(sides):
    (found,) = sides.json(METRICS, METRICS | {"auc": 0.601, "mrr": 0.26})
    assert found.detail.startswith("mrr: 0.25 -> 0.26 (0.67 x the tolerance), and 1 more")


def test_groups_have_intervals_of_their_own(sides):
    def groups(auc):
        return {"groups": [{"users": 5, "auc": auc, "ci95": {"auc": [0.5, 0.7]}}]}

    assert sides.json(groups(0.6), groups(0.69))[0].small
    (found,) = sides.json(groups(0.6), groups(0.71))
    assert not found.small and found.detail.startswith("groups[0].auc: 0.6 -> 0.71")
    assert not sides.json(groups(0.6), {"groups": []})[0].small


def test_costs_are_no_results_but_sizes_are(sides):
    cost = {"parameters": 10, "seconds": 1.0, "peak_memory_mib": 5.0, "hardware": {"cores": 2}}
    assert not sides.json(cost, cost | {"seconds": 2.0, "peak_memory_mib": 9.0, "hardware": {}})
    (found,) = sides.json(cost, cost | {"parameters": 11})
    assert found.small is False


def test_claims_follow_the_runs_in_figures_but_not_in_words(sides):
    def claims(verdict, found, seconds):
        return {
            "claims": [
                {"kind": "sign", "verdicts": {"clean": {"verdict": verdict, "found": found}}},
                {"kind": "cost", "verdicts": {"clean": {"verdict": seconds}}},
            ]
        }

    assert not sides.json(claims("near", 0.1, "a"), claims("near", 0.1, "b"), "claims.json")
    (found,) = sides.json(claims("near", 0.1, "a"), claims("near", 0.9, "a"), "claims.json")
    assert found.small
    (found,) = sides.json(claims("near", 0.1, "a"), claims("worse", 0.1, "a"), "claims.json")
    assert not found.small and "near" in found.detail and "worse" in found.detail


def test_the_best_of_close_figures_may_be_another(sides):
    """Excused on another machine alone: whether it is one the judge knows."""

    def compared(best, turns, verdict="near"):
        curve = {"best": {"found": best, "ci95": [0, 3]}, "verdict": verdict}
        flip = {"deviation": "D1", "these_runs": turns, "would_change": turns == "confirmed"}
        return {"sweep": [curve], "audit": [{"claims": [flip]}]}

    (found,) = sides.json(compared(3, "confirmed"), compared(1, "undecided"), "comparison.json")
    assert found.small and found.detail == "sweep[0].best.found: 3 -> 1, and 2 more"
    (found,) = sides.json(
        compared(3, "confirmed"), compared(3, "confirmed", "worse"), "comparison.json"
    )
    assert found.small is False


def test_the_statistics_of_data_are_exact(sides):
    one = {"history_mean": 32.5, "sha256": {"train/news.tsv": "ab"}}
    assert not sides.json(one, dict(reversed(one.items())), "data.json")  # other bytes
    assert sides.json(one, one | {"history_mean": 32.500001}, "data.json")[0].small is False
    (found,) = sides.json(one, one | {"sha256": {"train/news.tsv": "cd"}}, "data.json")
    assert found.detail.startswith('sha256.train/news.tsv: "ab" -> "cd"')


def test_states_may_differ_as_far_as_rounding_explains(sides):
    states = np.random.default_rng(1).normal(size=(200_000, 4)).astype(np.float16)
    for share, small in ((0.8, True), (1.25, False)):
        noise = np.random.default_rng(2).normal(size=states.shape) * tolerance.STATES * share
        (found,) = sides.arrays(states, (states + noise).astype(np.float16))
        assert found.small is small
        assert float(found.detail.split()[2]) == pytest.approx(tolerance.STATES * share, rel=0.05)
    assert sides.arrays(states, states[1:])[0].small is False
    assert not sides.arrays(states, states.copy())


def test_whole_numbers_are_exact(sides):
    ids = np.arange(1000, dtype=np.int32)
    (found,) = sides.arrays(ids, ids + (ids < 3))
    assert found.small is False and found.detail == "3 of 1,000 values"
    assert sides.arrays(ids, ids.astype(np.int64))[0].small is False


def table(scores, auc=(0.5, 1.0), user=(1, 2)):
    columns = {"user": list(user), "auc": list(auc), "scores": scores}
    return pl.DataFrame(columns, schema_overrides={"scores": pl.List(pl.Float32)})


def test_per_impression_rmse_and_kendalls_tau(sides):
    one = table([[3.0, 2.0, 1.0], [1.0, 0.0]])
    assert not sides.tables(one, one)
    # One of three pairs the other way around: tau 1/3; the other impression the same: 1.
    (found,) = sides.tables(one, table([[2.0, 3.0, 1.0], [1.0, 0.0]], auc=(0.5, 0.9)))
    assert "auc RMSE 0.071" in found.detail and "Kendall's tau 0.6667" in found.detail
    assert found.small  # the means differ by 0.05, their interval is 0.35 on either side
    assert not sides.tables(one, table([[3.0, 2.0], [1.0, 0.0]]))[0].small
    assert not sides.tables(one, table(one["scores"].to_list(), user=(1, 3)))[0].small
    assert not sides.tables(one, one.drop("scores"))[0].small


def test_the_same_table_in_other_bytes_is_the_same(sides):
    one = table([[3.0], []])
    sides.tables(one, one)
    one.write_parquet(sides.other / "x.parquet", compression="uncompressed")
    paths = [folder / "x.parquet" for folder in (sides.one, sides.other)]
    assert paths[0].read_bytes() != paths[1].read_bytes()
    assert not differences("x.parquet", *paths)


def test_a_folder_is_compared_file_by_file(sides):
    for folder, files in ((sides.one, "abc"), (sides.other, "bcd")):
        (folder / "in").mkdir(parents=True)
        for name in files:
            (folder / "in" / name).write_text(name, encoding="utf-8")
    (sides.other / "in/c").write_text("other", encoding="utf-8")
    found = differences("data/raw", sides.one, sides.other)
    assert [(d.path, d.small, d.detail) for d in found] == [
        ("data/raw/in/a", False, "is not in the rerun"),
        ("data/raw/in/c", None, "other bytes"),
        ("data/raw/in/d", False, "is not in the recorded results"),
    ]


@pytest.mark.parametrize("name", ["x.json", "x.npy", "x.parquet"])
def test_a_damaged_file_is_named(sides, name):
    with pytest.raises(StudyError, match=rf"x\{Path(name).suffix}: .*") as error:
        sides.files(name, b"{", b"[")
    assert "\n" not in str(error.value)
