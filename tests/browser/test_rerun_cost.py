"""What a run, or the whole study, is expected to take: against runs made up for it."""

import json
from dataclasses import replace

import pytest
from composed import compose
from counts import RUNS

from replication.browser.content.rerun import Choice, expected_cost, study_cost
from replication.paper.cells import grid_cells, sweep_cells
from replication.report.estimate import adapting, embedding, training
from replication.report.expected import expected_rows, machine_of, shape_of
from replication.study import paths
from replication.study.params import Params, as_mapping, grid_cell, load_params

pytestmark = pytest.mark.usefixtures("committed")
CHOICE = Choice("nrms", "minilm", "finetuned", "clean", 1, 2)


def finished(params: Params, choice: Choice, seconds: object = 10.0, **others) -> tuple[dict, dict]:
    """run.json and cost.json of a run of `choice`, as far as they are read."""
    names = choice.recommender, choice.encoder, choice.tuning, choice.protocol
    kept = as_mapping(grid_cell(params, *names, choice.seed, choice.layers))
    kept["training"]["tuned_layers"]["learning_rate"] = 1e-9  # a search writes what it chose
    run = {"params": kept, "hardware": {"processor": "P", "cores": 2, "gpu": None}}
    cost = {"seconds": seconds, "peak_memory_mib": 1024, "peak_gpu_memory_mib": None}
    return json.loads(json.dumps(run | {"profile": kept["profile"]})), cost | others


def test_runs_of_the_choice_are_averaged_over_seeds():
    params = load_params()
    runs = [
        finished(params, CHOICE, 10.0),
        finished(params, replace(CHOICE, seed=7), 20.0, peak_memory_mib=3072),
        finished(params, replace(CHOICE, layers=3), 1e6),
        finished(params, replace(CHOICE, recommender="naml"), 1e6),
        finished(params, replace(CHOICE, encoder="minilm-l3"), 1e6),
        finished(params, replace(CHOICE, tuning="frozen"), 1e6),
        finished(params, replace(CHOICE, protocol="released"), 1e6),
        finished(replace(params, history=50), CHOICE, 1e6),
        finished(replace(params, profile="local"), CHOICE, 1e6),
    ]
    cost = expected_cost(params, CHOICE, runs)
    assert (cost.seconds, cost.memory_bytes, cost.basis, cost.runs) == (
        15,
        3 * 2**30,
        "measured",
        2,
    )
    assert cost.reason == "2 runs on P, 2 cores" and cost.text == "15 s, 3 GiB"


def test_the_depth_of_a_frozen_run_is_not_looked_at():
    params = load_params()
    frozen = replace(CHOICE, tuning="frozen", layers=None)
    run = finished(params, frozen)
    run[0]["params"]["finetune_layers"] = 5
    assert expected_cost(params, frozen, [run]).basis == "measured"


def test_hardware_is_told_apart():
    params = load_params()
    one, two = finished(params, CHOICE), finished(params, CHOICE, peak_gpu_memory_mib=512)
    two[0]["hardware"]["gpu"] = "G"
    assert expected_cost(params, CHOICE, [one, two]).reason == "2 runs on G; P, 2 cores"
    assert expected_cost(params, CHOICE, [two]).memory_bytes == 2**29


@pytest.mark.parametrize("odd", [None, "12", True, float("nan"), float("inf"), -1, 0, [], 10**400])
def test_a_damaged_run_is_not_counted(odd):
    params = load_params()
    whole = finished(params, CHOICE)
    runs = [
        whole,
        finished(params, CHOICE, odd),
        finished(params, CHOICE, peak_memory_mib=odd),
        ({}, {}),
        ({"params": odd}, whole[1]),
        ({"params": {"encoder": odd}}, whole[1]),
    ]
    assert expected_cost(params, CHOICE, runs).runs == 1
    assert expected_cost(params, CHOICE, runs[1:]).basis == "estimated"
    whole[0]["hardware"] = odd
    assert expected_cost(params, CHOICE, [whole]).seconds == 10


def test_before_the_first_run_it_is_estimated_with_what_is_not_there_yet():
    params = load_params()
    shape, machine = shape_of(params), machine_of(params)
    for choice in (CHOICE, Choice("naml", "smollm2-lora", "frozen", "clean", 1)):
        names = choice.recommender, choice.encoder, choice.tuning, "clean", 1, choice.layers
        cell = grid_cell(params, *names)
        parts = [training(cell, shape, machine)]
        if cell.schedule.start == "frozen":  # fine-tuning starts from the frozen recommender
            parts.append(training(replace(cell, tuning="frozen"), shape, machine))
        seconds, memory = sum(p.seconds for p in parts), max(p.memory for p in parts)
        assert len(parts) == 1 + (choice is CHOICE)
        besides = embedding(params, choice.encoder, shape, machine).seconds
        if choice.encoder in params.adapters:
            besides += adapting(params, choice.encoder, machine).seconds
        cost = expected_cost(params, choice, [])
        assert cost.seconds == pytest.approx(seconds + besides)
        assert (cost.basis, cost.runs) == ("estimated", 0) and cost.text.startswith("~")
        assert machine.name in cost.reason and f"vectors of {choice.encoder}" in cost.reason
        for folder in (paths.EMBEDDINGS, paths.CHECKPOINTS):
            (folder / choice.encoder).mkdir(parents=True)
        cost = expected_cost(params, choice, [])
        assert (cost.seconds, cost.memory_bytes) == (seconds, memory)
        assert "vectors" not in cost.reason


def test_the_whole_study_costs_what_its_page_of_costs_adds_up_to():
    params = load_params()
    rows = expected_rows(params)
    whole = study_cost(params)
    assert whole.seconds == pytest.approx(sum(row.runs * row.estimate.seconds for row in rows))
    assert study_cost(params, [*grid_cells(params), *sweep_cells(params)]) == whole
    left = [cell for cell in grid_cells(params) if cell.encoder == "static"]
    left = [replace(cell, metrics={"auc": 0.5}) for cell in left]  # as the reports' cells are
    names = {cell.name.removeprefix("runs/").removesuffix("-s1") for cell in left} | {"static"}
    part = [row.estimate.seconds for row in rows if row.name in names]
    runs = [name for name in RUNS if "-static-" in name]
    assert len(part) == len(runs) + 1 and study_cost(params, left).seconds == pytest.approx(
        sum(part)
    )
    assert study_cost(params, []).seconds == 0


def test_a_corpus_that_is_still_to_be_made_is_as_large_as_its_generator_is_asked_for():
    params = load_params()
    made = study_cost(params).seconds
    paths.DATA_CARD.unlink()
    cost = study_cost(params)
    assert cost.basis == "estimated"
    assert cost.seconds == pytest.approx(made, rel=0.5)


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"release": null}', '{"release": null, "articles": "many"}']
)
def test_without_a_data_card_nothing_is_known_and_the_reason_says_so(text):
    paths.DATA_CARD.write_text(text, encoding="utf-8")
    params = load_params()
    for cost in (expected_cost(params, CHOICE, []), study_cost(params)):
        assert (cost.seconds, cost.memory_bytes, cost.basis) == (None, None, None)
        assert "reports/data.json" in cost.reason and "dvc repro" in cost.reason
        assert cost.text == "unknown"
    assert expected_cost(params, CHOICE, [finished(params, CHOICE)]).seconds == 10


def test_an_odd_size_in_the_data_card_is_named():
    card = json.loads(paths.DATA_CARD.read_text(encoding="utf-8"))
    card["splits"]["train"]["clicks"] = float("nan")
    paths.DATA_CARD.write_text(json.dumps(card), encoding="utf-8")
    assert "splits.train.clicks: nan is not a size" in study_cost(load_params()).reason


def test_a_grid_that_holds_what_cannot_be_run_has_no_cost():
    params = compose("grid.encoders=[static,smollm2]", "grid.llms=[]", "grid.also.llms=[]")
    assert "smollm2 is a causal language model" in study_cost(params).reason
