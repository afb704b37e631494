"""The page of expected costs: its rows, what runs took beside them, and the data they count on."""

import json
from pathlib import Path

import pytest

from replication.files.errors import StudyError
from replication.mind.releases import load_pins
from replication.report.expected import duration, expected_rows, expected_table, shape_of
from replication.report.shape import LARGE, SMALL
from replication.study import paths
from replication.study.params import load_params

ROOT = Path(__file__).parents[2]


def test_the_committed_page_is_what_the_code_makes(small):
    assert (ROOT / "docs/expected-cost.md").read_text(encoding="utf-8") == expected_table(
        small
    ) + "\n"


def test_a_line_for_every_cell_and_every_wanted_encoder(small):
    rows = expected_rows(small)
    kinds = {
        kind: [r for r in rows if r.kind == kind] for kind in ("embed", "adapt", "grid", "sweep")
    }
    assert {kind: len(found) for kind, found in kinds.items()} == {
        "embed": 9,
        "adapt": 1,
        "grid": 3 * 8 * 2 * 2,
        "sweep": 3 * 6,
    }
    assert len({(r.kind, r.name) for r in rows}) == len(rows)
    assert all(r.runs == 3 for r in kinds["grid"] + kinds["sweep"])
    for row in kinds["grid"] + kinds["sweep"] + kinds["adapt"]:
        assert row.estimate.seconds > 0 and row.estimate.memory > 0 and row.measured is None


def write_run(folder: Path, profile: str, seconds: float, gpu: float | None) -> None:
    folder.mkdir(parents=True)
    cost = {"seconds": seconds, "peak_memory_mib": 4096.0, "peak_gpu_memory_mib": gpu}
    (folder / "cost.json").write_text(json.dumps(cost), encoding="utf-8")
    (folder / "run.json").write_text(json.dumps({"profile": profile}), encoding="utf-8")


def test_runs_of_this_profile_stand_beside_the_estimate(small):
    name = "nrms-bert-base-finetuned-clean"
    write_run(paths.RUNS / f"{name}-s1", "mind-small", 3600.0, 2048.0)
    write_run(paths.RUNS / f"{name}-s2", "mind-small", 7200.0, 3072.0)
    write_run(paths.RUNS / f"{name}-s3", "demo", 1.0, None)
    write_run(paths.RUNS / "lstur-bert-base-finetuned-k2-released-s1", "mind-small", 1800.0, None)
    rows = {row.name: row for row in expected_rows(small)}
    assert rows[name].measured == (5400.0, 3072.0 * 2**20, 2)
    assert rows["lstur-bert-base-finetuned-k2-released"].measured == (1800.0, 4096.0 * 2**20, 1)
    assert sum(row.measured is not None for row in rows.values()) == 2
    table = expected_table(small)
    (line,) = [line for line in table.splitlines() if f" {name} " in line]
    assert " 1.5 h (~" in line and " 3 (~" in line
    assert "Measured over estimated time, 2 rows: " in table


def test_damaged_or_half_written_runs_are_no_runs(small):
    name = "nrms-bert-base-finetuned-clean"
    write_run(paths.RUNS / f"{name}-s1", "mind-small", 1.0, None)
    (paths.RUNS / f"{name}-s1/cost.json").write_text("{", encoding="utf-8")
    write_run(paths.RUNS / f"{name}-s2", "mind-small", 1.0, None)
    (paths.RUNS / f"{name}-s2/run.json").unlink()
    assert all(row.measured is None for row in expected_rows(small))


def test_other_data_are_known_once_they_are_prepared(small, composed):
    params = load_params(composed("mind-demo"))
    with pytest.raises(StudyError, match=r"data\.json: .*mind-demo.* run `dvc repro prepare`"):
        expected_rows(params)
    paths.REPORTS.mkdir()
    split = {"clicks": 5000, "news": 900, "history_mean": 30.0, "impressions": 3000}
    card = {"release": "demo", "articles": 1000, "splits": {"train": split, "test": split}}
    paths.DATA_CARD.write_text(json.dumps(card), encoding="utf-8")
    fewer = {row.name: row.estimate for row in expected_rows(params)}
    more = {row.name: row.estimate for row in expected_rows(small)}
    name = "nrms-bert-base-finetuned-clean"
    assert fewer[name].seconds < more[name].seconds and fewer[name].disk < more[name].disk
    with pytest.raises(StudyError, match="is not of profile local"):  # another profile's data
        expected_rows(load_params(composed("local")))


def test_what_is_known_of_data_before_they_are_prepared(small, composed):
    assert shape_of(load_params(composed("mind-large"))) == LARGE
    demo = shape_of(load_params(composed("demo")))
    assert (demo.articles, demo.impressions, demo.test_impressions) == (800, 12_000, 3000)


def test_small_is_mind_small(small):
    figures = load_pins().releases.small.figures
    train, test, both = figures["train"], figures["test"], figures["both"]
    assert (SMALL.articles, SMALL.clicks) == (both["articles"], train["clicks"])
    assert (SMALL.train_articles, SMALL.test_articles) == (train["news"], test["news"])
    assert (SMALL.impressions, SMALL.test_impressions) == (
        train["impressions"], test["impressions"],
    )  # fmt: skip
    assert SMALL.learned == 1 - train["last_day_impressions"] / train["impressions"]
    assert shape_of(small) == SMALL


@pytest.mark.parametrize(
    ("seconds", "text"), [(4, "4 s"), (90, "1.5 min"), (1800, "30 min"), (9000, "2.5 h")]
)
def test_duration(seconds, text):
    assert duration(seconds) == text
