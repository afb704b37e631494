"""Q4: yes where both studies give each claim the same verdict, no where one turns round."""

import pytest
from planted import planted_params
from two_studies import two

from replication.paper.questions import load_questions
from replication.questions.answers import answer

[AGREEMENT] = [question for question in load_questions() if question.judge == "agreement"]


@pytest.fixture
def params(tmp_path, monkeypatch):
    return planted_params(
        tmp_path, monkeypatch, models=("glove", "bert-base"), recommenders=("nrms",), seeds=(1, 2)
    )


def tuned(gain):
    """AUC of a study in which fine-tuning BERT-base gains so much: claim C1."""
    return lambda cell: (
        0.65 + gain * (cell.tuning == "finetuned" and cell.encoder == "my-bert-base")
    )


def part(found, claim):
    [one] = [p for p in found["parts"] if p["what"].startswith(f"{claim} ")]
    return one


def test_the_same_verdicts_say_yes(params):
    found = answer(AGREEMENT, two(params, tuned(0.06), tuned(0.06)), "clean")
    assert found["verdict"] == "confirmed"
    first = part(found, "C1")
    assert first["verdict"] == "confirmed" and first["reason"] == "here agrees, beside agrees"
    assert part(found, "C2")["verdict"] == "not testable"  # nothing of it was planted beside
    assert found["reason"].startswith("claims that the study beside decides: 1; with the same ")


def test_a_verdict_that_turns_round_says_no(params):
    found = answer(AGREEMENT, two(params, tuned(-0.06), tuned(0.06)), "clean")
    assert found["verdict"] == "contradicted"
    assert part(found, "C1")["reason"] == "here differs, beside agrees"


def test_a_claim_that_is_not_decided_here_leaves_it_undecided(params):
    found = answer(AGREEMENT, two(params, lambda c: 0.65, tuned(0.06), impressions=1000), "clean")
    assert found["verdict"] == "undecided" and part(found, "C1")["verdict"] == "undecided"


def test_a_study_beside_that_decides_nothing_asks_nothing(params):
    found = answer(AGREEMENT, two(params, tuned(0.06), lambda c: 0.65), "clean")
    assert found["verdict"] == "not testable" and "decides no claim" in found["reason"]
