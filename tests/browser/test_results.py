"""The page Results as it is shown: words, links, what a row opens to."""

import json
import re
import shutil

import pytest
from counts import GRID, RUNS
from streamlit.testing.v1 import AppTest
from test_run_details import time_of
from trees import HOSTILE, RUN, TREES

SCRIPT = """
from replication.browser.frame import framed
framed("results")
"""
ALL = len(RUNS)
KEY = "nrms-minilm-finetuned-k2-clean"


def opened(**link) -> AppTest:
    app = AppTest.from_string(SCRIPT, default_timeout=30)
    for name, value in link.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.info, app.warning, app.error)
    return "\n".join(element.value for kind in kinds for element in kind).replace("\\", "")


def commands(app: AppTest) -> list[str]:
    shown = [code.value for code in app.code if code.language == "shell"]
    return [line for text in shown for line in text.splitlines()]


@pytest.mark.parametrize("state", TREES)
def test_every_state_has_its_words(inside, state):
    inside(state)
    text = words(opened(row=KEY))
    expected = {
        "full": f"{ALL} of {ALL} experiments",
        "empty": f"{ALL} not run",
        "one_run": f"{ALL - 1} not run, 1 no paper value",
        "partial": f"{ALL} partial",
        "stale": "stale",
        "running": "1 running",
        "truncated": "1 unreadable",
        "nan": "1 unreadable",
        "text_metric": "1 unreadable",
        "damaged_comparison": f"{ALL} no paper value",
        "bad_lock": f"{ALL} experiments",
        "bad_params": "none is ranked",
        "hostile": f"{ALL} of {ALL} experiments",
    }
    assert expected[state] in text
    assert not {"None", "nan"} & {*text.replace(".", " ").split()}


def test_the_table_holds_the_files_figures(inside):
    folder = inside("full")
    frame = opened(metric="mrr").dataframe[0].value
    row = frame[(frame["encoder"] == "static") & (frame["recommender"] == "lstur")].iloc[0]
    file = folder / "reports/runs/lstur-static-frozen-clean-s1/metrics.json"
    assert row["tuning"] == "frozen" and row["MRR"] == json.loads(file.read_text())["mrr"]
    assert row["command"] == "dvc repro grid@lstur-static-frozen-clean-s1"
    assert len(frame) == ALL


def test_a_link_sets_metric_filters_and_row(inside):
    inside("full")
    app = opened(metric="ndcg@5", encoder=["minilm", "static"], tuning="frozen", row=KEY)
    text = words(app)
    left = len([name for name in GRID if re.search("-(minilm|static)-frozen-", name)])
    assert "By nDCG@5 under clean" in text and f"{left} of {ALL} experiments" in text
    assert len(app.dataframe[0].value) == left
    assert "has not seen its runs" not in text
    assert "NRMS, MiniLM, fine-tuned, 2 layers, clean" in text  # though the filters hide its row
    assert commands(app)[0] == "dvc repro grid@nrms-minilm-finetuned-clean-s1"


@pytest.mark.parametrize("name", ["metric", "recommender", "encoder", "verdict", "row"])
def test_a_link_to_what_there_is_not_is_told(inside, name):
    inside("full")
    app = opened(**{name: "nope"})
    assert "nope, which is not here" in words(app)
    assert len(app.dataframe[0].value) == ALL


def test_a_filter_that_leaves_nothing_is_told(inside):
    inside("truncated")
    text = words(opened(verdict="unreadable", tuning="frozen"))
    assert f"0 of {ALL} experiments" in text and "nothing to draw" in text


def test_a_row_opens_to_all_that_lies_behind_it(inside):
    folder = inside("full")
    app = opened(row=KEY)
    run, metrics, spent = (
        json.loads((folder / RUN / f"{name}.json").read_text())
        for name in ("run", "metrics", "cost")
    )
    assert any("training.precision: auto" in code.value for code in app.code)
    origin = app.dataframe[1].value
    assert run["checkpoint"]["sha256"]["model.safetensors"] in [*origin["value"]]
    seeds, cost = (table.value for table in app.table)
    low, high = metrics["ci95"]["auc"]
    shown = seeds.iloc[0]["AUC"].replace("\\", "")
    assert shown == f"{metrics['auc']:.4f} [{low:.3f}, {high:.3f}]"
    assert cost.iloc[0]["time"].replace("\\", "") == time_of(spent["seconds"])


def test_seeds_have_a_command_each_and_their_own_parameters(own_tree):
    first = own_tree("partial") / "reports/runs/nrms-minilm-finetuned-clean-s1"
    second = first.with_name("nrms-minilm-finetuned-clean-s2")
    shutil.copytree(first, second)
    run = json.loads((first / "run.json").read_text()) | {"params": {"seed": 2}}
    (second / "run.json").write_text(json.dumps(run))
    metrics = json.loads((first / "metrics.json").read_text()) | {"auc": 0.6}
    (second / "metrics.json").write_text(json.dumps(metrics))
    target = "dvc repro grid@nrms-minilm-finetuned-clean"
    app = opened(row=KEY, seed="2")
    assert "`dvc repro compare report` has not seen its runs" in words(app)
    assert commands(app)[:3] == [f"{target}-s{seed}" for seed in (1, 2, 3)]
    assert [code.value for code in app.code if code.language == "yaml"] == ["seed: 2"]
    assert [*app.table[0].value["seed"]] == ["1", "2", "3"]
    assert "seed 3, which is not here" in words(opened(row=KEY, seed="3"))  # it was not run


def test_a_damaged_file_is_one_row_with_its_reason(inside):
    inside("truncated")
    app = opened(row=KEY)
    frame = app.dataframe[0].value
    damaged = frame[frame["verdict"] == "! unreadable"]
    assert len(damaged) == 1 and "metrics.json: not valid JSON" in damaged.iloc[0]["reason"]
    assert "nrms-minilm-finetuned-clean-s1/metrics.json: not valid JSON" in words(app)
    assert commands(app)[0] == "dvc repro grid@nrms-minilm-finetuned-clean-s1"


def test_texts_of_files_are_not_read_as_markup(inside):
    inside("hostile")
    app = opened(row=KEY)
    marked = [e.value for kind in (app.markdown, app.caption, app.warning) for e in kind]
    marked += [str(v) for table in app.table for v in table.value.to_numpy().ravel()]
    assert not any("![i](http" in text or "<img" in text for text in marked)
    assert any(HOSTILE in str(v) for v in app.dataframe[1].value["value"])  # plain in a frame
