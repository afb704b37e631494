"""Q5: yes where end to end was planted to be better, no where it is not, else undecided."""

from dataclasses import replace

import pytest
from planted import Planted, planted_params

from replication.paper import verdict
from replication.paper.questions import load_questions
from replication.questions.answers import answer
from replication.questions.asked import Asked
from replication.study.parts import Parts

[END_TO_END] = [question for question in load_questions() if question.judge == "end_to_end"]
LLM = "my-llama-3-1-8b"


def params_of(tmp_path, monkeypatch, seeds=(1, 2, 3), tuned=("lora4",)):
    params = planted_params(
        tmp_path, monkeypatch, models=("bert-base", "llama-3.1-8b"),
        recommenders=("naml", "nrms"), seeds=seeds,
    )  # fmt: skip
    adapters = {"my-lora": replace(params.adapters["my-lora"], max_steps=32, batch_size=8)}
    parts = Parts(("naml", "nrms"), (LLM,), tuned, ("clean",))
    return replace(params, parts=parts, adapters=adapters)


@pytest.fixture
def params(tmp_path, monkeypatch):
    return params_of(tmp_path, monkeypatch)


def asked(study: Planted, gain: float, samples: int = 256) -> Asked:
    """gain: of AUC, end to end over two steps."""
    evidence = study.evidence(lambda cell, clicks: 0.65 + gain * (cell.part == "lora"))
    run = {"training": {"samples": samples}}
    for place in evidence.parts:
        cells = evidence.cells[place]
        evidence.cells[place] = [replace(cell, run=run, cost={"seconds": 70.0}) for cell in cells]
    return Asked(study.params, evidence)


def test_a_planted_gain_is_found(params):
    found = answer(END_TO_END, asked(Planted(params, impressions=2000), 0.03), "clean")
    assert found["verdict"] == "confirmed" and found["coverage"] == [12, 12]
    main, naml, nrms, seconds = found["parts"]
    assert main["found"] == pytest.approx(0.03, abs=0.008) and not main["small"]
    assert main["found"] == pytest.approx((naml["found"] + nrms["found"]) / 2)
    assert naml["what"] == "naml: LoRA in the top 4 layers less two steps"
    assert seconds["unit"] == "s" and seconds["found"] > 0


def test_a_loss_is_no_and_few_impressions_are_undecided(params):
    many, few = Planted(params, impressions=2000), Planted(params, impressions=60)
    assert answer(END_TO_END, asked(many, -0.03), "clean")["verdict"] == "contradicted"
    assert answer(END_TO_END, asked(few, 0.005), "clean")["verdict"] == "undecided"


def test_one_seed_decides_nothing(tmp_path, monkeypatch):
    study = Planted(params_of(tmp_path, monkeypatch, seeds=(1,)), impressions=2000)
    found = answer(END_TO_END, asked(study, 0.05), "clean")
    assert found["verdict"] == verdict.ONE_SEED
    assert found["parts"][0]["these_runs"] == "confirmed"


def test_other_numbers_of_clicks_are_not_compared(params):
    found = answer(END_TO_END, asked(Planted(params), 0.05, samples=512), "clean")
    assert found["verdict"] == "not testable"
    assert "512 clicks, in two steps from 256" in found["reason"]


def test_without_such_runs_it_is_told_what_makes_them(params):
    bare = replace(params, parts=Parts())
    found = answer(END_TO_END, asked(Planted(bare), 0.0), "clean")
    assert found["verdict"] == "not testable" and "-S study=end-to-end" in found["reason"]


def test_missing_runs_are_named(params):
    one = asked(Planted(params), 0.0)
    cells = one.evidence.cells[one.evidence.parts[0]]
    cells[0] = replace(cells[0], metrics=None)
    found = answer(END_TO_END, one, "clean")
    assert found["verdict"] == "partial 11/12"
    assert found["missing"] == [f"dvc repro parts@naml-{LLM}-finetuned-lora4-clean-s1"]
