"""Twenty training steps: our loop under `released` gives the losses, scores and parameters of the
release's own. What is compared, and how closely, is in `parity/README.md`."""

import json

import numpy as np
import pytest
import torch
from released_modules import PARITY, VARIANTS, batch_of, build, name_of, recommender_of
from safetensors import safe_open
from tiny_study import change, random_impressions, with_schedule

from replication.machine.dropout import Dropout
from replication.recommenders import Batch
from replication.training import loop

STEPS, RATE = 20, 1e-3
CLOSE = 2e-5  # of scores and losses
FROZEN_LAYERS = 1  # of the toy PLM's two


@pytest.fixture(params=VARIANTS)
def golden(request):
    """A variant, its figures by name, and what the release says of its own parameters."""
    variant = request.param
    with safe_open(str(PARITY / "golden.safetensors"), framework="pt") as file:
        names = [key for key in file.keys() if key.startswith(f"{variant}/")]  # noqa: SIM118
        figures = {key.removeprefix(f"{variant}/"): file.get_tensor(key) for key in names}
        return variant, figures, json.loads(file.metadata()[variant])


def batches_of(tensors: dict) -> list[Batch]:
    """Row i of step t is sample i + t; at odd steps the first two candidates are exchanged."""
    first, rows = batch_of(tensors), len(tensors["in/user"])
    found = []
    for step in range(STEPS):
        batch = first.take([(i + step) % rows for i in range(rows)])
        if step % 2:
            order = torch.tensor([1, 0, *range(2, batch.candidates.shape[1])])
            batch = Batch(batch.candidates[:, order], batch.drawn, batch.clicked, batch.users)
        found.append(batch)
    return found


@pytest.fixture
def trained(golden, params, monkeypatch):
    """The model after twenty steps of our loop, the file's tensors, and what each step gave."""
    depth = FROZEN_LAYERS if golden[0].endswith("bert") else 0
    model, tensors = build(golden[0], depth, dropout=0.0, user_dropout=0.0)
    for module in model.modules():  # as in the golden run, nothing is dropped
        if isinstance(module, Dropout):
            module.p = 0.0
    seen = []
    known = loop.loss_of

    def listening(scores, batch):
        seen.append((scores.detach().clone(), known(scores, batch)))
        return seen[-1][1]

    monkeypatch.setattr(loop, "loss_of", listening)
    monkeypatch.setattr(loop, "_stream", lambda *_: iter(batches_of(tensors)))
    params = with_schedule(
        change(params, "released"), batch_size=4, max_steps=STEPS, max_epochs=STEPS,
        evaluate_every=STEPS, learning_rate=RATE, encoder_learning_rate=RATE,
    )  # fmt: skip
    impressions = random_impressions(40, 20, 6, np.random.default_rng(0))
    rng = np.random.default_rng(0)
    loop.train(model, "fp32", impressions, params, lambda _: 0.5, rng, "golden")
    return model, tensors, seen, depth


def test_scores_and_losses_are_the_releases(golden, trained):
    _, figures, _ = golden
    scores, losses = zip(*trained[2], strict=True)
    assert len(losses) == STEPS
    torch.testing.assert_close(torch.stack(scores), figures["score"], rtol=0, atol=CLOSE)
    ours = torch.stack(losses).double().detach()
    torch.testing.assert_close(ours, figures["loss"], rtol=0, atol=CLOSE)


def test_parameters_are_the_releases(golden, trained):
    """Each to ten times the gap between the release's float32 and float64 runs."""
    variant, figures, told = golden
    model, tensors, _, depth = trained
    recommender = recommender_of(variant)
    after = dict(model.named_parameters(remove_duplicate=False))
    missing = set(after)
    for released, expected in figures.items():
        if released in ("score", "loss"):
            continue
        name = name_of(released, recommender, depth)
        missing.discard(name)
        ours, start = after[name].detach(), tensors[f"param/{released}"]
        if start.ndim == 4:  # in the release's own order of values
            ours = ours.transpose(1, 2).unsqueeze(1)
        values = ours.flatten()[:: -(-start.numel() // 16)]
        if released in told["noise"]:  # Adam makes steps of rounding errors: no two runs agree
            assert (ours - start).abs().max() <= 1.001 * STEPS * RATE
            continue
        gap = max(2e-6, 10 * told["gap"].get(released, 0.0))
        torch.testing.assert_close(values, expected, rtol=0, atol=gap, msg=released)
        assert torch.equal(ours, start) == (released not in told["trained"]), released
    assert not missing
