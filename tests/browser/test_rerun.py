"""The line to rerun with against Hydra's own composition; costs against runs made up for it."""

import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from counts import RUNS
from dvc.utils.cli_parse import to_path_overrides
from dvc.utils.hydra import compose_and_dump

from replication.browser.content.rerun import (
    Choice,
    at_hand,
    command,
    depths,
    expected_cost,
    in_study,
    no_depth,
    options,
    refusal,
    study_cost,
)
from replication.paper.cells import grid_cells, sweep_cells
from replication.report.estimate import adapting, embedding, training
from replication.report.expected import expected_rows, machine_of, shape_of
from replication.study import paths
from replication.study.params import Params, as_mapping, grid_cell, load_params, load_protocol

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """The committed parameters and data card, and no run."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / "reports").mkdir()
    shutil.copy(ROOT / "reports/data.json", tmp_path / "reports")
    monkeypatch.chdir(tmp_path)


def compose(*overrides: str) -> Params:
    conf = str(Path("conf").resolve())
    compose_and_dump("params.yaml", conf, None, "config", f"{conf}/protocol", list(overrides))
    return load_params()


def run(line: str) -> Params:
    """What `dvc exp run` makes of a line, its arguments split as a shell and as DVC do."""
    program, keys = shlex.split(line)[:3], shlex.split(line)[3:]
    assert program == ["dvc", "exp", "run"] and set(keys[::2]) <= {"-S"}
    overrides = to_path_overrides(keys[1::2])
    assert set(overrides) <= {"params.yaml"}
    return compose(*overrides.get("params.yaml", []))


def every_choice(params: Params) -> list[Choice]:
    """All that can be run but for the recommender and the seed, which take turns."""
    names = options(params)
    found = []
    for encoder in names["encoder"]:
        for tuning in names["tuning"]:
            for protocol in names["protocol"]:
                for layers in depths(params, encoder, tuning) or [None]:
                    recommender = names["recommender"][len(found) % 3]
                    one = Choice(recommender, encoder, tuning, protocol, 1 + len(found) % 2, layers)
                    if refusal(params, one) is None:
                        found.append(one)
    return found


@pytest.mark.slow
def test_every_line_of_the_demo_composes_to_its_choice():
    params = load_params()
    choices = every_choice(params)
    # static 2; minilm 1 + 7 depths; minilm-l3 1 + 4; the LLM and its adapter; two protocols.
    assert len(choices) == 2 * (2 + 8 + 5 + 2)
    for choice in choices:
        composed = run(command(params, choice))
        assert at_hand(composed) == choice
        assert composed.protocol == load_protocol(choice.protocol)
        described = {"recommender", "encoder", "tuning", "finetune_layers", "seed", "protocol"}
        kept = {k: v for k, v in as_mapping(composed).items() if k not in described}
        assert kept == {k: v for k, v in as_mapping(params).items() if k not in described}


@pytest.mark.parametrize("profile", ["mind-small", "local"])
def test_a_line_of_another_profile_names_it_and_what_its_files_do_not_say(profile):
    params = compose(f"profile={profile}")
    assert command(params, at_hand(params)) == f"dvc exp run -S profile={profile}"
    encoder = list(params.encoders)[-2]
    for choice in (
        Choice("lstur", encoder, "frozen", "released", 2),
        Choice("nrms", encoder, "finetuned", "clean", 1, 0),
    ):
        composed = run(command(params, choice))
        assert (composed.profile, at_hand(composed)) == (profile, choice)


def test_what_else_is_set_in_params_is_kept():
    path = Path("params.yaml")
    clicks = f"history: {load_params().history}"
    text = path.read_text(encoding="utf-8").replace(clicks, "history: 7")
    own = json.dumps("/my data/it's,a=b")
    path.write_text(text.replace("path: replication/mind/demo", f"path: {own}"), encoding="utf-8")
    params = load_params()
    composed = run(command(params, Choice("lstur", "static", "frozen", "released", 4)))
    assert (composed.history, composed.data.path) == (7, "/my data/it's,a=b")
    assert at_hand(composed) == Choice("lstur", "static", "frozen", "released", 4)


def test_only_what_differs_is_named():
    params = load_params()
    line = {
        Choice("nrms", "minilm", "finetuned", "clean", 1, 2): "",
        Choice("nrms", "minilm", "finetuned", "clean", 1): "",  # the encoder's own depth
        Choice(
            "lstur", "minilm", "finetuned", "clean", 1, 4
        ): "recommender=lstur finetune_layers=4",
        Choice("nrms", "static", "frozen", "released", 3, 5): (
            "protocol=released encoder=static tuning=frozen seed=3"
        ),
    }
    for choice, keys in line.items():
        named = "".join(f" -S {key}" for key in keys.split())
        assert command(params, choice) == f"dvc exp run{named}"


def test_the_line_is_for_conf_and_not_for_what_the_last_experiment_left():
    """DVC composes params.yaml anew: what it held before is gone, unless it is named."""
    params = compose("recommender=lstur", "encoder=static", "protocol.attention_masks=false")
    choice = replace(at_hand(params), seed=5)
    assert command(params, choice) == "dvc exp run -S recommender=lstur -S encoder=static -S seed=5"
    assert at_hand(run(command(params, choice))) == choice


@pytest.mark.parametrize("name", ["params.yaml", "conf/config.yaml", "conf/profile/demo.yaml"])
@pytest.mark.parametrize("text", ["", "[1, 2]", "a: [", "defaults: 3\nseed: {}", None])
def test_where_files_are_damaged_there_is_no_line(name, text):
    params = load_params()
    path = Path(name)
    path.unlink()
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert command(params, at_hand(params)) is None


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (Choice("nrms", "smollm2", "finetuned", "clean", 1), ["tuning", "smollm2-lora"]),
        (Choice("nrms", "minilm", "finetuned", "clean", 1, 7), ["finetune_layers", "0 to 6"]),
        (Choice("npa", "minilm", "frozen", "clean", 1), ["recommender", "naml, nrms, lstur"]),
        (Choice("nrms", "bert", "frozen", "clean", 1), ["encoder", "minilm-l3"]),
        (Choice("nrms", "minilm", "half", "clean", 1), ["tuning", "frozen, finetuned"]),
        (Choice("nrms", "minilm", "frozen", "dirty", 1), ["protocol", "clean, released"]),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_line(choice, words):
    params = load_params()
    reason = refusal(params, choice)
    assert reason and "\n" not in reason and "command line" not in reason
    assert all(word in reason for word in words)
    assert command(params, choice) is None and in_study(params, choice) is None
    cost = expected_cost(params, choice, [])
    assert (cost.basis, cost.reason, cost.text) == (None, reason, "unknown")


def test_depths_are_those_of_layers_that_can_train():
    params = load_params()
    assert list(depths(params, "minilm-l3", "finetuned")) == [0, 1, 2, 3]
    assert no_depth(params, "minilm-l3", "finetuned") is None
    for encoder, tuning, name in [
        ("minilm", "frozen", "MiniLM"), ("smollm2", "finetuned", "SmolLM2"), ("?", "finetuned", "?")
    ]:  # fmt: skip
        assert not depths(params, encoder, tuning)
        assert no_depth(params, encoder, tuning) == f"no layer of {name} is fine-tuned"
    assert "word vectors" in no_depth(params, "static", "finetuned")


def test_the_experiment_of_a_choice_in_the_study():
    params = load_params()
    stages = {
        Choice("nrms", "minilm", "finetuned", "clean", 1, 2): "grid@nrms-minilm-finetuned-clean-s1",
        Choice("nrms", "static", "frozen", "clean", 1, 9): "grid@nrms-static-frozen-clean-s1",
        Choice("naml", "smollm2-lora", "frozen", "clean", 1): (
            "grid-llm@naml-smollm2-lora-frozen-clean-s1"
        ),
        Choice("lstur", "minilm", "finetuned", "clean", 1, 6): (
            "sweep@lstur-minilm-finetuned-k6-clean-s1"
        ),
        Choice("nrms", "minilm", "finetuned", "released", 1, 2): (
            "also@nrms-minilm-finetuned-released-s1"
        ),
        Choice("lstur", "minilm-l3", "finetuned", "clean", 1): (
            "grid@lstur-minilm-l3-finetuned-clean-s1"
        ),
    }
    for choice, stage in stages.items():
        assert in_study(params, choice).command == f"dvc repro {stage}"
    for stray in ({"seed": 2}, {"encoder": "minilm-l3", "protocol": "released"}, {"layers": 5}):
        assert in_study(params, replace(next(iter(stages)), **stray)) is None


# ---------------------------------------------------------------- costs

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
