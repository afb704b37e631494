"""Q1: yes where a rise with size was planted, no where none was, undecided where few could tell."""

from dataclasses import replace

import numpy as np
import pytest
from planted import Planted, counted, own, planted_params

from replication.evaluation.clusters import Clusters
from replication.paper.questions import load_questions
from replication.questions.answers import answer
from replication.questions.asked import Asked
from replication.questions.trends import apart, trend
from replication.study.settings import Questions

[SIZE] = [question for question in load_questions() if question.judge == "size"]
LADDER = ("bert-tiny", "bert-mini", "bert-small", "bert-medium")  # a tenfold at each step


@pytest.fixture
def params(tmp_path, monkeypatch):
    return params_of(tmp_path, monkeypatch)


def params_of(tmp_path, monkeypatch, models=LADDER, seeds=(1, 2)):
    params = planted_params(
        tmp_path, monkeypatch, models=models, recommenders=("naml", "nrms"), seeds=seeds,
        tunings=["frozen"],
    )  # fmt: skip
    return replace(params, questions=Questions(tuple(map(own, models))))


def asked(study: Planted, rise, elsewhere=0.0, off=None) -> Asked:
    """AUC rises by so much a tenfold, in group 1 and in all others; off: of a model beside it."""

    def auc(cell, clicks):
        step = np.log10(counted(cell)["parameters"]) - 2
        slope = np.where(study.groups == 1, rise, elsewhere)
        return 0.6 + slope * step + (off or {}).get(cell.encoder, 0.0)

    return Asked(study.params, study.evidence(auc))


def part(found, *words):
    [one] = [p for p in found["parts"] if all(word in p["what"] for word in words)]
    return one


def test_a_rise_for_cold_users_is_found_and_the_other_groups_are_told(params):
    study = Planted(params, impressions=4000)
    found = answer(SIZE, asked(study, 0.03), "clean")
    assert found["verdict"] == "confirmed" and not found["small"]
    main, *told = found["parts"]
    assert main["found"] == pytest.approx(0.03, abs=0.01) and main["ci95"][0] > 0
    assert all(p["p"] is None and p["verdict"] == "not testable" and p["reason"] for p in told)
    fifth = part(found, "group 5,", "all recommenders")
    assert fifth["ci95"][0] < 0 < fifth["ci95"][1]
    assert part(found, "less that of all others")["ci95"][0] > 0
    own_slopes = [part(found, "group 1,", name)["found"] for name in ("naml", "nrms")]
    assert np.mean(own_slopes) == pytest.approx(main["found"])
    first, *_ = found["curves"]
    gains = [point["y"] for point in first["points"]]
    assert len(found["curves"]) == 5 and gains[0] == 0 and gains == sorted(gains)


def test_a_rise_of_the_others_alone_is_no_answer(params):
    found = answer(SIZE, asked(Planted(params, impressions=4000), 0.0, 0.05), "clean")
    assert found["verdict"] != "confirmed"
    assert part(found, "group 4,", "all recommenders")["ci95"][0] > 0


def test_without_a_rise_many_impressions_say_no_and_few_are_undecided(params):
    many, few = Planted(params, impressions=12_000), Planted(params, impressions=1000)
    assert answer(SIZE, asked(many, 0.0), "clean")["verdict"] == "contradicted"
    found = answer(SIZE, asked(few, 0.0), "clean")
    assert found["verdict"] == "undecided" and found["power"]["impressions"] > 1000


def test_one_good_model_among_few_is_no_rise_with_size(params):
    """However many impressions: by impressions alone the line would rise for certain."""
    study = Planted(params, impressions=12_000)
    found = answer(SIZE, asked(study, 0.0, off={own("bert-small"): 0.06}), "clean")
    assert found["verdict"] != "confirmed" and found["parts"][0]["found"] > 0.005


def test_models_that_differ_by_chance_rise_no_oftener_than_one_in_forty(params):
    """Of 200 ladders whose models lie anywhere: half of one in twenty is expected on this side."""
    rng = np.random.default_rng(0)
    n, x = 400, np.arange(4.0)
    clusters = Clusters.independent(n)
    wrong = 0
    for _ in range(200):
        rungs = 0.6 + rng.normal(scale=0.02, size=(4, 1)) + rng.normal(scale=0.1, size=(4, n))
        found, sure = trend(rungs, x, clusters)
        wrong += found > 0 and sure.p(found) < 0.05
    assert wrong <= 12


def test_a_single_seed_is_enough_where_models_lie_on_a_line(tmp_path, monkeypatch):
    """What seeds do shows in how far the models lie off it."""
    params = params_of(tmp_path, monkeypatch, seeds=(1,))
    found = answer(SIZE, asked(Planted(params, impressions=4000), 0.03), "clean")
    assert found["verdict"] == "confirmed"
    noisy = Planted(params, impressions=4000, seed_sd=0.08, seed=1)
    assert answer(SIZE, asked(noisy, 0.02), "clean")["verdict"] == "undecided"


def test_too_few_rungs_and_missing_runs_are_told(tmp_path, monkeypatch):
    params = params_of(tmp_path, monkeypatch, models=LADDER[:2])
    study = Planted(params, impressions=100)
    found = answer(SIZE, asked(study, 0.0), "clean")
    assert found["verdict"] == "not testable" and "has 2 encoders" in found["reason"]
    more = replace(params, questions=Questions((*params.questions.ladder, own("bert-base"))))
    found = answer(SIZE, Asked(more, asked(study, 0.0).evidence), "clean")
    assert "no frozen my-bert-base in naml, clean" in found["reason"]


def test_runs_that_are_missing_are_named(params):
    there = asked(Planted(params, impressions=100), 0.0)
    cells = next(iter(there.evidence.cells.values()))
    cells[0] = replace(cells[0], metrics=None)
    found = answer(SIZE, there, "clean")
    assert found["verdict"] == "partial 15/16" and len(found["missing"]) == 1


def test_the_difference_of_two_groups_has_the_variance_of_two_means():
    rng = np.random.default_rng(1)
    values, inside = rng.normal(size=(1, 5000)), rng.random(5000) < 0.2
    values[0, :50] = np.nan
    both = apart(values, inside)
    a, b = values[0, inside], values[0, ~inside]
    a, b = a[~np.isnan(a)], b[~np.isnan(b)]
    known = both[0, ~np.isnan(both[0])]
    assert known.mean() == pytest.approx(a.mean() - b.mean())
    usual = a.var() / len(a) + b.var() / len(b)
    assert known.var() / len(known) == pytest.approx(usual, rel=1e-6)
