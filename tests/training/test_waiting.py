"""The loop of training reads nothing back from a GPU between validations.

What a tensor tells Python (`item`, `int`, `float`, `bool`, `tolist`) has to be waited for. This is
about the loop alone: the recommender's forward pass has to know how many distinct articles a batch
has (`torch.unique`) and how long the longest text is, and waits for both at every step.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_study import random_impressions, with_schedule
from torch import nn

from replication.recommenders import Batch, Recommender
from replication.training.loop import train


class Told(nn.Module):
    """A recommender without a text, for what a forward pass asks is not the loop's."""

    def __init__(self):
        super().__init__()
        self.text, self.table = nn.ModuleDict(), nn.Embedding(100, 1)
        self.register_buffer("known_users", torch.zeros(1000, dtype=torch.int64))

    know = Recommender.know

    def forward(self, batch: Batch) -> torch.Tensor:
        return self.table(batch.candidates).squeeze(2)


@pytest.fixture
def told(monkeypatch):
    """What was asked of any tensor."""
    asked = []
    for name in ("item", "tolist", "__int__", "__float__", "__bool__"):
        method = getattr(torch.Tensor, name)

        def counted(self, *arguments, name=name, method=method):
            asked.append(name)
            return method(self, *arguments)

        monkeypatch.setattr(torch.Tensor, name, counted)
    return asked


def test_the_loop_asks_nothing_of_a_gpu_between_validations(params, told):
    params = with_schedule(
        params, batch_size=4, max_epochs=1, max_steps=12, evaluate_every=6, patience=5
    )
    params = replace(params, protocol=replace(params.protocol, selection="test"))
    rng = np.random.default_rng(1)
    impressions = random_impressions(60, 50, 9, rng)
    fit = train(Told(), "fp32", impressions, params, lambda _: 0.5, rng, "a run")
    assert fit.steps == 12 and fit.articles > 0 and len(fit.curve) == 2
    assert len(told) <= len(fit.curve), told  # each reads the mean loss
