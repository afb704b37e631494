"""Operations of a training step of a recommender: the same each time, and no trace is left."""

import numpy as np
import torch
from tiny_study import random_impressions, recommender, with_schedule

from replication.training.operations import operations_a_sample


def test_a_step_is_counted_and_leaves_no_trace(params):
    impressions = random_impressions(40, 20, 6, np.random.default_rng(1))
    params = with_schedule(params, batch_size=8)
    model = recommender("nrms")
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    model.eval()
    torch.manual_seed(3)
    found = operations_a_sample(model, impressions, params, "fp32")
    first = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(first, torch.rand(1)) and not model.training
    assert found > 0 and found == operations_a_sample(model, impressions, params, "fp32")
    for name, p in model.named_parameters():
        assert torch.equal(p, before[name]) and p.grad is None, name
