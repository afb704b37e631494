"""Q2: yes where a loss was planted, no where none was and that can be told, else undecided."""

import re
from dataclasses import replace

import numpy as np
import pytest
from drifting import Drifting
from planted import planted_params

from replication.paper import verdict
from replication.paper.questions import load_questions
from replication.paper.words import would_decide
from replication.questions.answers import answer

[DRIFT] = [question for question in load_questions() if question.judge == "drift"]


@pytest.fixture
def params(tmp_path, monkeypatch):
    return planted_params(
        tmp_path, monkeypatch, models=("glove", "bert-base"), recommenders=("naml", "nrms")
    )


def part(found, *words):
    """The part whose name holds all of these words."""
    [one] = [p for p in found["parts"] if all(word in p["what"] for word in words)]
    return one


def test_a_planted_loss_is_found_over_time(params):
    """Of .05 a day; on a test day further on, training has shown less of what is shown."""
    study = Drifting(params, impressions=3000)
    found = answer(DRIFT, study.asked(lambda cell, x: 0.75 - 0.05 * x["time"]), "clean")
    assert found["verdict"] == "confirmed"
    by_time = part(found, "all experiments", "time since")
    assert by_time["verdict"] == "confirmed"
    low, high = by_time["ci95"]
    assert low < -0.05 < high < 0
    unseen = part(found, "all experiments", "never showed")
    assert unseen["verdict"] == "not testable" and unseen["ci95"][1] < 0 and unseen["p"] is None
    assert part(found, "minus frozen", "time since")["verdict"] != "confirmed"
    assert found["power"] is None and not found["small"]
    drawn = [p["y"] for p in found["curves"][0]["points"] if p["line"] == "frozen"]
    assert len(drawn) == 4 and drawn == sorted(drawn, reverse=True)


def test_without_a_loss_many_impressions_say_no_and_few_are_undecided(params):
    many, few = Drifting(params, impressions=12_000), Drifting(params, impressions=400)
    counts = replace(DRIFT, effect=0.04)
    assert answer(counts, many.asked(lambda cell, x: 0.65), "clean")["verdict"] == "contradicted"
    found = answer(counts, few.asked(lambda cell, x: 0.65), "clean")
    assert found["verdict"] == "undecided"
    assert found["power"]["impressions"] > 400
    assert found["power"]["users"] == pytest.approx(found["power"]["impressions"] / 2, rel=0.2)


def test_where_experiments_differ_too_much_it_says_how_many_would_decide(params):
    """Half of them lose .01 a day and half gain as much: no number of users tells their mean."""
    study = Drifting(params, impressions=3000)

    def auc(cell, x):
        return 0.6 + 0.01 * (x["time"] - 2.5) * (1 if cell.recommender == "naml" else -1)

    found = answer(DRIFT, study.asked(auc), "clean")
    assert (found["verdict"], found["power"]) == ("undecided", None)
    told = re.search(r"of (\d+) experiments, whose slopes .*; (\d+) that .* ([\d,]+) impressions",
                     found["reason"])  # fmt: skip
    there, wanted = int(told[1]), int(told[2])
    assert wanted > there == len(study.asked(auc).places("clean")) and wanted % there == 0
    assert would_decide(found) is None  # it stands in the reason


@pytest.mark.slow
def test_no_loss_is_found_no_oftener_than_one_in_twenty(params):
    """Of 60 studies without one."""
    wrong = 0
    for seed in range(60):
        study = Drifting(params, impressions=400, seed=seed)
        found = answer(DRIFT, study.asked(lambda cell, x: 0.65), "clean")
        wrong += found["verdict"] == "confirmed"
    assert wrong <= 4  # of which half are expected on the other side


@pytest.mark.parametrize(
    ("less", "words"),
    [
        (lambda cell: cell.tuning == "finetuned", ("fine-tuned minus frozen",)),
        (lambda cell: cell.encoder == "my-bert-base", ("largest minus smallest",)),
    ],
)
def test_who_loses_less_is_found(params, less, words):
    study = Drifting(params, impressions=3000)

    def auc(cell, x):
        return 0.75 - (0.0 if less(cell) else 0.08) * x["time"]

    found = answer(DRIFT, study.asked(auc), "clean")
    one = part(found, *words, "time since")
    assert one["verdict"] == "confirmed" and one["found"] == pytest.approx(0.08, abs=0.03)
    others = [p for p in found["parts"] if "minus" in p["what"] and words[0] not in p["what"]]
    assert all(p["verdict"] != "confirmed" for p in others)


def test_one_day_of_test_tells_nothing_of_time_and_what_is_unseen_decides_nothing(params):
    study = Drifting(params, impressions=3000, days=1)
    found = answer(DRIFT, study.asked(lambda cell, x: 0.8 - 0.6 * x["unseen"]), "clean")
    by_time = part(found, "all experiments", "time since")
    assert by_time["verdict"] == "not testable" and by_time["found"] is None
    assert found["verdict"] == "not testable" and "one day" in found["reason"]
    low, high = part(found, "all experiments", "never showed")["ci95"]
    assert low < -0.6 < high < 0
    curves = {curve["name"]: curve["points"] for curve in found["curves"]}
    assert not curves["time"] and curves["unseen"] and curves["age"]


def test_missing_runs_are_named(params):
    study = Drifting(params, impressions=100)
    asked = study.asked(lambda cell, x: 0.65)
    for cells in list(asked.evidence.cells.values())[:2]:
        cells[0] = replace(cells[0], metrics=None)
    found = answer(DRIFT, asked, "clean")
    ran, of = found["coverage"]
    assert found["verdict"] == f"partial {ran}/{of}" and len(found["missing"]) == 2 == of - ran


def test_one_experiment_of_one_seed_decides_nothing(tmp_path, monkeypatch):
    params = planted_params(
        tmp_path, monkeypatch, models=("bert-base",), recommenders=("nrms",), seeds=(1,),
        tunings=["frozen"],
    )  # fmt: skip
    study = Drifting(params, impressions=3000)
    found = answer(DRIFT, study.asked(lambda cell, x: 0.75 - 0.05 * x["time"]), "clean")
    assert found["verdict"] == verdict.ONE_SEED
    assert part(found, "all experiments", "time since")["these_runs"] == "confirmed"
    assert not np.isnan(part(found, "all experiments", "time since")["found"])
