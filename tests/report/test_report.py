"""REPORT.md says what the files say: numbers as they are, gaps as gaps."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from replication import paths
from replication.errors import StudyError
from replication.params import load_params
from replication.report.results import read_grid
from replication.report.show import show_results
from replication.report.write import write_report

ROOT = Path(__file__).parents[2]
VALUES = {"auc": 0.6123, "mrr": 0.3, "ndcg@5": 0.31, "ndcg@10": 0.37}


def metrics(**changes) -> dict:
    interval = {name: [value - 0.01, value + 0.01] for name, value in VALUES.items()}
    return {**VALUES, "impressions": 100, "tied_share": 0.015, "ci95": interval, **changes}


def write(folder: Path, name: str, value: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(value), encoding="utf-8")


@pytest.fixture
def params(tmp_path, monkeypatch):
    """A project with references, one cell that has been run, and the rest that has not."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    split = {
        "impressions": 100, "users": 10, "news": 20, "candidates": 1000, "clicks": 150,
        "history_mean": 3.0, "history_median": 2.0, "candidates_mean": 10.0, "clicks_mean": 1.5,
        "first": "2019-11-09T00:00:00", "last": "2019-11-14T00:00:00",
    }  # fmt: skip
    data = {
        "splits": {"train": split, "test": split}, "articles": 30, "test_only_articles": 5,
        "test_users_unseen_share": 0.5, "categories": 3, "subcategories": 4,
    }  # fmt: skip
    write(paths.REPORTS, "data.json", data)
    references = {name: metrics(auc=auc) for name, auc in (("random", 0.5), ("popularity", 0.52))}
    write(paths.REPORTS, "baselines.json", {**references, "ceiling": None, "reason": "unknown"})
    folder = paths.RUNS / "nrms-minilm-frozen-clean-s1"
    write(folder, "metrics.json", metrics())
    write(folder, "cost.json", {
        "parameters": 22000000, "trainable_parameters": 1234, "seconds": 9.87,
        "articles_per_second": 1500.0, "peak_memory_mib": 900.4,
    })  # fmt: skip
    write(folder, "run.json", {
        "started": "2026-01-01T00:00:00", "ended": "2026-01-01T00:00:10", "precision": "fp32",
        "hardware": {"processor": "A CPU", "cores": 2, "memory_gib": 8.0, "gpu": None},
        "libraries": {"torch": "1"}, "training": {"steps": 7},
        "checkpoint": {"encoder": "minilm", "sha256": {"model.safetensors": "ab" * 32}},
    })  # fmt: skip
    return load_params()


def test_the_report_holds_the_numbers_and_the_gaps(params):
    write_report(params)
    text = (paths.REPORTS / "REPORT.md").read_text(encoding="utf-8")
    assert "Demo data: not evidence about the paper." in text
    assert "1 of 21 experiments have been run" in text
    row = next(line for line in text.splitlines() if "| nrms" in line and "minilm " in line)
    assert "0.6123 [0.602, 0.622]" in row
    assert "at most 1.5 % of an experiment's impressions hold a tie" in text
    assert "There is no ceiling: unknown." in text
    assert "22,000,000" in text
    assert "A CPU; 2 cores, 8.0 GiB; GPU: none" in text
    assert text.count("| not run") > 20
    assert "nan" not in text.lower().replace("naml", "")


def test_a_missing_number_is_an_empty_field_never_zero(params):
    write_report(params)
    table = pl.read_csv(paths.REPORTS / "tables/results.csv")
    done = table.filter(pl.col("auc").is_not_null())
    assert done["recommender"].to_list() == ["random", "popularity", "nrms"]
    assert done["auc"].to_list() == [0.5, 0.52, 0.6123]
    assert len(table) == 3 + 21
    assert not (table["auc"] == 0).any()


def test_another_profile_is_not_called_demo(params):
    from dataclasses import replace

    write_report(replace(params, profile="local"))
    assert "Demo" not in (paths.REPORTS / "REPORT.md").read_text(encoding="utf-8")


def test_show_prints_the_table_and_the_path(params, capsys):
    show_results(params)
    printed = capsys.readouterr().out
    assert "0.6123 [0.602, 0.622]" in printed
    assert printed.rstrip().endswith("reports/REPORT.md")


@pytest.mark.parametrize("text", ["{", "[]", '{"auc": "high"}', '{"auc": NaN}', '{"auc": true}'])
def test_a_damaged_file_is_named(params, text):
    path = paths.RUNS / "nrms-minilm-frozen-clean-s1" / "metrics.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=str(path)):
        read_grid(params)


def test_without_references_it_says_what_to_run(params):
    paths.BASELINES.unlink()
    with pytest.raises(StudyError, match=r"baselines.json: no such file; run `dvc repro`"):
        write_report(params)
