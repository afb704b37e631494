"""The line to rerun with against Hydra's own composition."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from composed import compose
from dvc.utils.cli_parse import to_path_overrides

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
)
from replication.study.params import Params, as_mapping, load_params, load_protocol

pytestmark = pytest.mark.usefixtures("committed")


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
