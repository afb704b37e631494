"""The first page: its sentence, the claims in every state, and the pairs of figures."""

import json
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from replication.browser.charts.dumbbell import Pair, dumbbell
from replication.browser.content.claims import claims_summary, judged_claims, summary
from replication.browser.reading.study import read_study
from replication.paper.claims import load_claims
from replication.paper.values import PaperCell, Value
from replication.report.figures.theme import LIGHT


def page(**query: str) -> AppTest:
    script = (
        "from replication.browser.frame import find_view, framed\nframed(find_view('overview'))"
    )
    app = AppTest.from_string(script, default_timeout=30)
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    return app


def texts(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.warning, *app.error, *app.info]
    return "\n".join(part.value for part in parts).replace("\\", "")


def with_values(study, offsets):
    """The grid's experiments with the paper's values: our AUC minus each offset; None: none."""
    experiments = []
    for experiment, offset in zip(study.grid, offsets, strict=False):
        model = experiment.model or f"model of {experiment.encoder}"
        experiment = replace(experiment, model=model)
        if offset is not None:
            cell = PaperCell(experiment.recommender, model, experiment.tuning, None, None, "auc")
            value = experiment.figure("auc").ours - offset
            experiment = replace(experiment, values={cell: Value(value, "table 2")})
        experiments.append(experiment)
    return experiments


def test_the_sentence_counts_what_is_within_first(inside):
    inside("full")
    study = read_study()
    experiments = with_values(study, [0.0, 0.001, -0.009, -0.05, 0.05, None])
    assert summary(experiments) == (
        "AUC: 2 of 6 experiments within tolerance of the paper's; 1 near; 1 better; 1 worse; "
        "1 no paper value."
    )


def test_without_the_papers_values_it_says_what_was_run(inside):
    inside("full")
    assert summary(read_study().grid) == (
        "24 of 24 experiments run; the paper's AUC is known for none."
    )
    assert summary([]) == "No experiment of the grid is known."


def test_seeds_that_are_missing_are_counted_as_partial(inside):
    inside("partial")
    assert "24 partial" in summary(read_study().grid)


def test_the_claims_are_those_of_the_file(inside):
    folder = inside("full")
    claims = judged_claims(read_study())
    told = json.loads((folder / "reports/claims.json").read_text(encoding="utf-8"))["claims"]
    assert [c["verdicts"]["clean"]["verdict"] for c in claims] == [
        c["verdicts"]["clean"]["verdict"] for c in told
    ]
    assert claims_summary(claims).startswith(f"{len(told)} claims under clean: ")


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
    assert "0 of 24 experiments run" in texts(app)
    assert app.code[0].value == "dvc repro"
    assert "min" in next(c.value for c in app.caption if "expected to take" in c.value)
    table = app.table[0].value
    assert table["the paper"].iloc[0].replace("\\", "") == "+3.58 %"
    assert set(table["verdict, clean"]) == {"○ not run"}
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
        Pair("far", 0.5, None, 0.6, "worse"),
    ]
    chart = dumbbell(pairs, "AUC", ".3f", LIGHT).to_dict()
    order = chart["layer"][0]["encoding"]["y"]["sort"]
    assert order == ["far", "close", "not run"]
    (rows,) = chart["datasets"].values()
    assert rows[2]["ours"] is None


def test_nothing_to_draw_is_said():
    chart = dumbbell([Pair("a", None, None, None, "not run")], "AUC", ".3f", LIGHT).to_dict()
    assert "Nothing of this has been run." in json.dumps(chart)
