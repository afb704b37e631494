"""Figures of a study in one file, and the page that shows those of real clicks."""

import json
from pathlib import Path

import numpy as np
import pytest

from replication.files.errors import StudyError
from replication.paper.cells import read_columns
from replication.report.distilled import distil, distilled_tables, with_tables

ROOT = Path(__file__).parents[2]
PAGES = {  # file of figures, page, training impressions, and what the page says first
    "results": ("real-clicks", 4032, "5,000 real impressions: evidence on little data"),
    "ebnerd": ("real-clicks-ebnerd", 24_724, "two small English models: evidence on little data"),
    "movielens": ("real-clicks-movielens", 48_916, "not news, and little data"),
    "orders": ("real-clicks-orders", 4032, "one recommender, one seed: evidence on little data"),
    "orders-films": ("real-clicks-orders-films", 48_916, "one seed: little data"),
    "orders-danish": ("real-clicks-orders-danish", 24_724, "one seed: evidence on little data"),
    "drift": ("real-clicks-drift", 9_805, "two experiments: evidence on little data"),
}


def test_rows_and_differences_are_those_of_the_runs(finished):
    found = distil(finished.params)
    ran = {}
    for cell in finished.done:
        key = cell.recommender, cell.encoder, cell.tuning, cell.protocol
        ran.setdefault(key, []).append(cell)
    rows = {tuple(r[k] for k in ("recommender", "encoder", "tuning", "protocol")): r
            for r in found["rows"]}  # fmt: skip
    assert rows.keys() == ran.keys() and len(found["rows"]) == len(ran)
    for key, row in rows.items():
        means = [cell.metrics["auc"] for cell in ran[key]]
        assert row["metrics"]["auc"]["mean"] == pytest.approx(np.mean(means), abs=1e-6)
        assert row["auc_by_seed"] == means and row["seeds"] == [c.seed for c in ran[key]]
        low, high = row["metrics"]["auc"]["ci95"]
        assert low < row["metrics"]["auc"]["mean"] < high
        groups = row["groups"][:5]
        frame = read_columns(ran[key][0].per_impression, ["group"], "")
        counted = [int((frame["group"] == g["group"]).sum()) for g in groups]
        assert [g["impressions"] for g in groups] == counted
    keys = ("recommender", "encoder", "tuning", "protocol")
    for difference in found["differences"]:
        a, b = (rows[tuple(difference[s][k] for k in keys)] for s in ("a", "b"))
        gap = a["metrics"]["auc"]["mean"] - b["metrics"]["auc"]["mean"]
        assert difference["difference"] == pytest.approx(gap, abs=1e-6)
        if a["tuning"] == b["tuning"] and b["encoder"] != "static":
            assert a["parameters"] >= b["parameters"]  # larger minus smaller
        else:
            assert a["encoder"] == b["encoder"] or b["encoder"] == "static"
    json.dumps(found, allow_nan=False)


def test_without_a_run_there_is_nothing_to_distil(finished, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError, match="reports/runs: no run of this study"):
        distil(finished.params)


def test_a_page_without_its_marks_is_named(tmp_path):
    page = tmp_path / "page.md"
    with pytest.raises(StudyError, match=r"page\.md: No such file"):
        with_tables(page, {})
    page.write_text("# A page\n", encoding="utf-8")
    with pytest.raises(StudyError, match=r"page\.md: expected the lines <!-- figures"):
        with_tables(page, {})


@pytest.mark.parametrize("name", PAGES)
def test_the_pages_of_real_clicks_show_the_committed_figures(name):
    of, impressions, label = PAGES[name]
    found = json.loads((ROOT / f"reports/real-clicks/{name}.json").read_text(encoding="utf-8"))
    path = ROOT / f"docs/{of}.md"
    page = path.read_text(encoding="utf-8")
    assert with_tables(path, found) == page and distilled_tables(found) in page
    assert label in page
    for commit in found["commits"]:
        assert commit["commit"][:12] in page
    for machine in found["hardware"]:
        assert machine["processor"] in page
    assert found["data"]["train"]["impressions"] == impressions
    assert found["data"]["release"] == ("mini" if name in ("results", "orders") else None)
