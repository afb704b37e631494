"""The first page: its sentence, the claims in every state, and the pairs of figures."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from trees import GRID

from replication.browser.charts.dumbbell import Pair, dumbbell
from replication.browser.content.claims import judged_claims
from replication.browser.content.first_page import answer, by_question, stand_ins, tiles
from replication.browser.reading.study import read_study
from replication.paper.claims import load_claims
from replication.report.figures.theme import LIGHT


def page(**query: str) -> AppTest:
    script = "from replication.browser.frame import framed\nframed('overview')"
    app = AppTest.from_string(script, default_timeout=30)
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    return app


def texts(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.warning, *app.error, *app.info]
    labels = [box.label for box in app.expander]
    return "\n".join([*(part.value for part in parts), *labels]).replace("\\", "")


GAINED = {"kind": "gain", "value": 3.58}


def judged(*given: str) -> list[dict]:
    """A claim each, with an answer of the judge."""
    nothing = {"sign": None, "size": None, "found": None}
    return [GAINED | {"verdicts": {"clean": nothing | {"verdict": word}}} for word in given]


def test_the_answer_counts_the_claims_by_state():
    claims = judged("confirmed", "confirmed", "contradicted", "undecided", "not testable")
    assert answer(claims, ["clean"], None) == (
        "2 of 5 claims agree, 1 undecided, 1 differs, 1 not tested."
    )
    assert answer(claims, ["clean"], "demo") == (
        "None of the 5 claims has been tested on MIND; below, the pipeline on synthetic data."
    )
    assert "MIND-small" in answer(claims, ["clean"], "other data")


def test_four_facts_stand_above_the_claims(inside):
    inside("full")
    study = read_study()
    facts = {title: f"{large}; {small}" for title, large, small in
             tiles(study, judged_claims(study), ["clean"])}  # fmt: skip
    assert facts["Experiments done"] == (
        f"{len(GRID)} of {len(GRID)}; every seed there and up to date"
    )
    assert facts["Claims tested"] == "0 of 11; on MIND"
    assert facts["Data"] == "synthetic; 12,000 impressions to train on, 3,000 to test"
    runs = [json.loads(file.read_bytes()) for file in Path("reports/runs").glob("*/run.json")]
    [commit] = {run["git"]["commit"] for run in runs}  # theirs, not that of the tree at hand
    assert facts["Made on"].endswith(f"; commit {commit[:10]}")


def test_seeds_that_are_missing_are_counted_as_partial(inside):
    inside("partial")
    study = read_study()
    assert tiles(study, judged_claims(study), ["clean"])[1][1:] == [
        f"0 of {len(GRID)}",
        f"{len(GRID)} partial",
    ]


def test_every_claim_stands_under_its_question(inside):
    inside("full")
    found = {q: [c["id"] for c in of] for q, of in by_question(
        judged_claims(read_study())).items()}  # fmt: skip
    assert found == {
        "fine-tuning": ["C1", "C2", "C7"], "depth": ["C3a", "C3b", "C3c"], "size": ["C5", "C6"],
        "cold start": ["C4", "C4-size"], "cost": ["C8"],
    }  # fmt: skip


def test_stand_ins_have_the_parameters_that_their_runs_counted(inside):
    folder = inside("full")
    study = read_study()
    run = folder / "reports/runs/naml-minilm-frozen-clean-s1/cost.json"
    cost = json.loads(run.read_text(encoding="utf-8"))
    million = (cost["parameters"] - cost["trainable_parameters"]) / 1e6
    rows = {row[0]: list(row[1:]) for row in stand_ins(study).rows}
    assert rows["BERT-base"] == ["109 M", "MiniLM", f"{million:.3g} M"]


def test_on_demo_data_no_claim_has_a_tick(inside):
    inside("full")
    app = page()
    rows = [box.label for box in app.expander]
    assert len(rows) == 11
    assert all("not tested on MIND" in row and "gray[demo" in row for row in rows)
    assert not any(sign in row for row in rows for sign in "✓≠")


def test_the_claims_are_those_of_the_file(inside):
    folder = inside("full")
    claims = judged_claims(read_study())
    told = json.loads((folder / "reports/claims.json").read_text(encoding="utf-8"))["claims"]
    assert [c["verdicts"]["clean"]["verdict"] for c in claims] == [
        c["verdicts"]["clean"]["verdict"] for c in told
    ]


@pytest.mark.parametrize(
    ("state", "word"),
    [("empty", "not run"), ("damaged_comparison", "unreadable"), ("stale", "stale")],
)
def test_no_verdict_is_given_where_it_cannot_be_relied_on(inside, state, word):
    inside(state)
    claims = judged_claims(read_study())
    assert {v["verdict"] for c in claims for v in c["verdicts"].values()} == {word}
    assert [c["id"] for c in claims] == [claim.id for claim in load_claims()]
    assert all(v["reason"] for c in claims for v in c["verdicts"].values())


def test_what_is_stale_tells_what_it_was(inside):
    folder = inside("stale")
    told = json.loads((folder / "reports/claims.json").read_text(encoding="utf-8"))["claims"]
    was = next(c["verdicts"]["clean"]["verdict"] for c in told if c["id"] == "C1")
    shown = texts(page(claim="C1"))
    assert f"it was {was}" in shown
    assert "dvc repro compare report" in shown


def test_an_empty_study_lists_the_claims_the_command_and_its_cost(inside):
    inside("empty")
    app = page(claim="C1")
    assert f"0 of {len(GRID)}" in texts(app) and f"{len(GRID)} not run" in texts(app)
    assert app.code[0].value == "dvc repro"
    assert "min" in next(c.value for c in app.caption if "expected to take" in c.value)
    row = app.expander[0].label.replace("\\", "")
    assert "The paper: +3.58 %" in row and "demo: not tested (not run)" in row
    assert "0 %" not in texts(app)


def test_a_claims_figure_and_interval_are_shown(inside):
    folder = inside("full")
    claim = json.loads((folder / "reports/claims.json").read_text(encoding="utf-8"))["claims"][0]
    found = claim["verdicts"]["clean"]["found"]
    assert f"{found:+.2f}" in texts(page(claim="C1"))


def test_a_link_to_no_claim_is_told(inside):
    inside("full")
    assert "C99" in texts(page(claim="C99"))


def test_the_farthest_apart_stands_first_and_what_is_unknown_last():
    pairs = [
        Pair("close", 0.61, (0.6, 0.62), 0.60, "within"),
        Pair("not run", None, None, 0.6, "not run"),
        Pair("far", 0.5, None, 0.6, "worse", 0.01),
    ]
    chart = dumbbell(pairs, "AUC", ".3f", LIGHT).to_dict()
    order = chart["layer"][0]["encoding"]["y"]["sort"]
    assert order == ["far", "close", "not run"]
    (rows,) = chart["datasets"].values()
    assert rows[2]["ours"] is None
    assert (rows[0]["from"], rows[0]["to"]) == (0.59, 0.61)
    assert rows[1]["from"] is None


def test_nothing_to_draw_is_said():
    chart = dumbbell([Pair("a", None, None, None, "not run")], "AUC", ".3f", LIGHT).to_dict()
    assert "Nothing of this has been run." in json.dumps(chart)
