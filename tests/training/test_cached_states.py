"""Training over cached states below the cut is training with the whole transformer run each time.

The lower layers then run on token ids in evaluation mode: they draw nothing, so that dropout
above them follows the seed alike.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from exact import with_exact_states
from tiny_study import change, random_impressions, with_schedule

from replication.encoders.models.embed import embed
from replication.encoders.models.states import load_transformer
from replication.encoders.models.text import StoredVectors
from replication.experiment.fitting import build_recommender
from replication.recommenders import RECOMMENDERS, Recommender
from replication.study import paths
from replication.study.params import Params
from replication.training.loop import train

LAYERS = 3
STEPS = 6
EXACT = 1e-5
FLOAT16 = 3e-3  # states keep eleven bits: relative errors up to 5e-4, which six steps pass on


def losses(model: Recommender, params: Params) -> list[float]:
    """The loss of each of the first steps; all that is drawn follows one seed."""
    impressions = random_impressions(60, articles=40, users=6, rng=np.random.default_rng(2))
    params = with_schedule(
        params,
        max_steps=STEPS,
        max_epochs=9,
        evaluate_every=1,
        patience=99,
        learning_rate=0.002,
        encoder_learning_rate=0.002,
    )
    torch.manual_seed(3)
    rng = np.random.default_rng(3)
    fitted = train(model, "fp32", impressions, params, lambda _: 0.5, rng, "a run")
    return [loss for _, loss, _ in fitted.curve]


def build(params: Params, data) -> Recommender:
    torch.manual_seed(1)
    return build_recommender(params, data)


def uncached(model: Recommender, params: Params) -> Recommender:
    """The model with the layers below the cut themselves, run on token ids at every step."""
    for encoder in model.text.values():
        depth = LAYERS - params.finetune_layers
        below = load_transformer(paths.CHECKPOINTS / params.encoder, depth)
        encoder.below = below.requires_grad_(False)
    return model


def cached_folders() -> set[Path]:
    return set(paths.STATES.glob("*"))


@pytest.mark.slow
@pytest.mark.parametrize("recommender", RECOMMENDERS)
@pytest.mark.parametrize("k", range(LAYERS + 1))
def test_cached_and_uncached_training_give_the_same_losses(params, data, recommender, k):
    params = replace(params, recommender=recommender, finetune_layers=k)
    model = build(params, data)
    assert all(isinstance(encoder.below, StoredVectors) for encoder in model.text.values())
    cached = losses(model, params)
    expected = losses(uncached(build(params, data), params), params)
    assert len(set(expected)) == len(expected) == STEPS
    np.testing.assert_allclose(cached, expected, rtol=0, atol=FLOAT16)
    exact = losses(with_exact_states(build(params, data), params), params)
    np.testing.assert_allclose(exact, expected, rtol=0, atol=EXACT)


def test_other_states_give_other_losses(params, data):
    """So that agreement to the tolerance above means something."""
    model, other = build(params, data), build(params, data)
    for encoder in other.text.values():
        encoder.below.states = np.roll(encoder.below.states, 1, axis=0)
    apart = np.subtract(losses(model, params), losses(other, params))
    assert abs(apart).max() > 4 * FLOAT16


@pytest.fixture
def copied(project_folder, tmp_path, monkeypatch):
    """A project of its own, which a test may change."""
    shutil.copytree(project_folder, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    shutil.rmtree(paths.STATES, ignore_errors=True)


def other_depth(params: Params) -> Params:
    return replace(params, finetune_layers=1)


def other_tokens(params: Params) -> Params:
    params = replace(params, text=replace(params.text, title_tokens=4))
    embed(params.encoder, params)
    return params


def other_checkpoint(params: Params) -> Params:
    """Its bytes say that it is another one; here they are the same."""
    path = paths.CHECKPOINTS / params.encoder / "source.json"
    source = json.loads(path.read_text(encoding="utf-8"))
    source["sha256"]["model.safetensors"] = "0" * 64
    path.write_text(json.dumps(source), encoding="utf-8")
    return params


@pytest.mark.parametrize("changed", [other_depth, other_tokens, other_checkpoint])
def test_states_are_kept_by_checkpoint_depth_and_tokens(params, data, copied, changed):
    build(params, data)
    first = cached_folders()
    build(params, data)
    assert cached_folders() == first and len(first) == 1
    params = changed(params)
    build(params, data)
    assert len(cached_folders() - first) == 1


@pytest.mark.parametrize("flip", ["frozen_dropout", "tune_embeddings"])
def test_what_changes_at_every_step_is_not_cached(params, data, copied, flip):
    model = build(change(params, **{flip: True}), data)
    assert not cached_folders()
    assert not any(isinstance(encoder.below, StoredVectors) for encoder in model.text.values())
    assert len(set(losses(model, params))) == STEPS  # and it trains
