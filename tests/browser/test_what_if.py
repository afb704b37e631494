"""What if I rerun: the command to copy, its cost, or why it cannot be run."""

import json
from pathlib import Path

import pytest
from test_results import commands, opened, words

from replication.browser.content.rerun import Cost
from replication.browser.views.what_if import cost_text


def test_a_link_to_a_choice_shows_its_commands(inside):
    inside("full")
    app = opened(wi_recommender="lstur", wi_encoder="static", wi_tuning="frozen")
    exp, cell = commands(app)
    assert exp.startswith("dvc exp run -S ")
    assert {"recommender=lstur", "encoder=static", "tuning=frozen"} <= {*exp.split()}
    assert cell == "dvc repro grid@lstur-static-frozen-clean-s1"
    text = words(app)
    assert "this page runs nothing" in text
    run = json.loads(Path("reports/runs/lstur-static-frozen-clean-s1/run.json").read_bytes())
    computed_on = run["hardware"]
    cores = f"{computed_on['processor']}, {computed_on['cores']} cores"
    assert f"measured; 1 run on {cores}" in text


def test_a_depth_of_the_sweep_is_found(inside):
    inside("full")
    app = opened(wi_encoder="minilm", wi_layers="4")
    exp, cell = commands(app)
    assert "finetune_layers=4" in exp.split()
    assert cell == "dvc repro sweep@nrms-minilm-finetuned-k4-clean-s1"


def test_what_is_no_part_of_the_study_has_one_command_and_an_estimate(inside):
    inside("full")
    app = opened(wi_encoder="minilm", wi_layers="5", wi_protocol="released")
    (exp,) = commands(app)
    assert "finetune_layers=5" in exp.split() and "protocol=released" in exp.split()
    assert "estimated; assumed: " in words(app)


@pytest.mark.parametrize(
    ("encoder", "tuning", "reason"),
    [("static", "finetuned", "static vectors: a table of word vectors"),
     ("minilm", "frozen", "no layer of MiniLM is fine-tuned")],
)  # fmt: skip
def test_why_there_are_no_layers_to_choose(inside, encoder, tuning, reason):
    inside("full")
    app = opened(wi_encoder=encoder, wi_tuning=tuning)
    assert reason in words(app)
    assert "wi_layers" not in [box.key for box in app.selectbox]


def test_a_choice_that_is_refused_has_a_reason_and_no_command(inside):
    inside("full")
    app = opened(wi_encoder="smollm2", wi_tuning="finetuned")
    assert commands(app) == []
    assert "This cannot be run: " in words(app) and "smollm2" in words(app)


def test_a_link_to_a_depth_that_there_is_not_is_told(inside):
    inside("full")
    assert "layers 9, which is not here" in words(opened(wi_layers="9"))


def test_the_choice_is_made_on_the_page_as_well(inside):
    inside("full")
    app = opened()
    app.selectbox(key="wi_recommender").set_value("naml").run()
    assert not app.exception
    assert commands(app) == [
        "dvc exp run -S recommender=naml", "dvc repro grid@naml-minilm-finetuned-clean-s1",
    ]  # fmt: skip


def test_seeds_of_the_grid_can_be_chosen(inside):
    inside("partial")
    app = opened(wi_seed="3")
    exp, cell = commands(app)
    assert "seed=3" in exp.split()
    assert cell == "dvc repro grid@nrms-minilm-finetuned-clean-s3"
    assert "measured" in words(app)  # of another seed


def test_without_readable_parameters_there_is_no_command(inside):
    inside("bad_params")
    app = opened()
    assert commands(app) == []
    assert "no command can be made from it" in words(app)


def test_cost_is_told_with_its_basis():
    measured = Cost(8.6, 2**30, "measured", "1 run on H100", 1)
    assert cost_text(measured).replace("\\", "") == (
        "**Expected: 9 s, 1 GiB** (measured; 1 run on H100)."
    )
    unknown = cost_text(Cost(None, None, None, "reports/data.json is missing")).replace("\\", "")
    assert unknown == ("Expected time and memory: unknown, because reports/data.json is missing.")
