"""Q3: yes where two studies order encoders alike, no where they reverse them, else undecided."""

from dataclasses import replace

import numpy as np
import pytest
from planted import own, planted_params
from scipy import stats
from two_studies import ranked, two

from replication.files.errors import StudyError
from replication.paper.questions import load_questions
from replication.questions.answers import answer
from replication.questions.order import mean_tau

[ORDER] = [question for question in load_questions() if question.judge == "order"]
SIX = ("glove", "bert-tiny", "bert-mini", "bert-small", "bert-medium", "bert-base")
SHUFFLED = ("bert-mini", "bert-base", "glove", "bert-tiny", "bert-medium", "bert-small")


@pytest.fixture
def params(tmp_path, monkeypatch):
    return params_of(tmp_path, monkeypatch)


def params_of(tmp_path, monkeypatch, models=SIX):
    return planted_params(
        tmp_path, monkeypatch, models=models, recommenders=("naml", "nrms"), tunings=["frozen"]
    )


def test_the_same_order_is_found_and_each_recommender_is_told(params):
    """The other study's figures may be higher: it is the order that is asked for."""
    asked = two(params, ranked(SIX, 0.02), ranked(SIX, 0.03, base=0.65))
    found = answer(ORDER, asked, "clean")
    assert found["verdict"] == "confirmed" and found["reason"] is None
    main, *told = found["parts"]
    assert main["found"] > 0.8 and main["ci95"][0] > 0 and main["ci95"][1] == 1
    assert len(told) == 2 and all(p["p"] is None and p["reason"] for p in told)
    assert np.mean([p["found"] for p in told]) == pytest.approx(main["found"])
    [curve] = found["curves"]
    assert [p["x"] for p in curve["points"]] == sorted(p["x"] for p in curve["points"])
    assert len(curve["points"]) == 6


def test_the_reverse_order_says_no(params):
    found = answer(ORDER, two(params, ranked(SIX, 0.02), ranked(SIX[::-1], 0.02)), "clean")
    assert found["verdict"] == "contradicted" and found["parts"][0]["ci95"][0] == -1


def test_orders_that_have_nothing_to_do_with_each_other_are_undecided(params):
    """However well the impressions tell them apart; how many encoders would do is said, if any."""
    found = answer(ORDER, two(params, ranked(SIX, 0.02), ranked(SHUFFLED, 0.02)), "clean")
    assert found["verdict"] == "undecided"
    assert found["reason"].startswith("of 6 encoders; ")


def test_encoders_that_are_alike_are_undecided(params):
    found = answer(ORDER, two(params, lambda c: 0.65, lambda c: 0.65, impressions=300), "clean")
    assert found["verdict"] == "undecided"


@pytest.mark.slow
def test_chance_orders_are_the_same_no_oftener_than_one_in_forty(params):
    """Of 60 pairs of studies whose encoders are ranked by two draws."""
    wrong = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        orders = [[SIX[i] for i in rng.permutation(6)] for _ in range(2)]
        asked = two(params, *(ranked(o, 0.03) for o in orders), impressions=300, seed=seed)
        wrong += answer(ORDER, asked, "clean")["verdict"] == "confirmed"
    assert wrong <= 5


def test_four_encoders_are_too_few(tmp_path, monkeypatch):
    params = params_of(tmp_path, monkeypatch, SIX[:4])
    asked = two(params, ranked(SIX, 0.02), ranked(SIX, 0.02), impressions=100)
    found = answer(ORDER, asked, "clean")
    assert found["verdict"] == "not testable"
    assert "mind-small, has 4 frozen encoders that are here too; 5 or more" in found["reason"]


def test_an_encoder_of_other_bytes_is_not_the_same(params):
    asked = two(params, ranked(SIX, 0.02), ranked(SIX, 0.02), impressions=100)
    entries = dict(params.encoders)
    for name in (own("glove"), own("bert-tiny")):
        entries[name] = replace(entries[name], name="another")
    other = replace(params, encoders=entries)
    asked.__dict__["beside"] = asked.beside._replace(params=other)
    assert "has 4 frozen encoders" in answer(ORDER, asked, "clean")["reason"]


def test_missing_runs_of_the_study_beside_are_told_as_its(params):
    asked = two(params, ranked(SIX, 0.02), ranked(SIX, 0.02), impressions=100)
    cells = next(iter(asked.beside.evidence.cells.values()))
    cells[0] = replace(cells[0], metrics=None)
    found = answer(ORDER, asked, "clean")
    assert found["verdict"] == "partial 23/24"
    assert found["reason"].startswith("in the study beside: 1 of the 24 runs")


def test_tau_is_that_of_scipy():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 4, (2, 7, 3)), rng.integers(0, 4, (2, 7, 3))
    wanted = [
        np.mean([stats.kendalltau(a[r, :, s], b[r, :, s]).statistic for r in range(2)])
        for s in range(3)
    ]
    assert mean_tau(a, b) == pytest.approx(wanted)


def test_without_another_study_nothing_is_asked(params):
    asked = two(params, ranked(SIX, 0.02), ranked(SIX, 0.02), impressions=100)
    alone = replace(asked, params=params)
    found = answer(ORDER, alone, "clean")
    assert found["verdict"] == "not testable" and "no other study stands beside" in found["reason"]


def test_a_study_beside_that_is_damaged_is_an_error_that_names_the_file(params):
    asked = two(params, ranked(SIX, 0.02), ranked(SIX, 0.02), impressions=100)
    with pytest.raises(StudyError, match=r"cache/beside/params\.yaml"):
        answer(ORDER, replace(asked), "clean")
