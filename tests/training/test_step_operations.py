"""Operations of a training step of a recommender: those of the whole step; no trace is left."""

import numpy as np
import pytest
import torch
from tiny_study import change, random_impressions, recommender, with_schedule

from replication.experiment.fitting import build_recommender
from replication.machine.operations import counted
from replication.recommenders import base
from replication.study.registry import RECOMMENDERS
from replication.training.batches import batches, draw_each_epoch, draw_once
from replication.training.loop import loss_of
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


OF = ("static frozen", "static finetuned", "minilm frozen", "minilm finetuned")


@pytest.mark.slow
@pytest.mark.parametrize("name", RECOMMENDERS)
@pytest.mark.parametrize("of", OF)
@pytest.mark.parametrize("protocol", ["clean", "released"])
def test_they_are_those_of_the_whole_step(params, data, monkeypatch, name, of, protocol):
    """Though of a field's texts only a few are read."""
    monkeypatch.setattr(base, "ARTICLES_AT_ONCE", 5)
    encoder, tuning = of.split()
    params = change(params, protocol, recommender=name, encoder=encoder, tuning=tuning)
    params = with_schedule(params, batch_size=8)
    model = build_recommender(params, data)
    rng = np.random.default_rng(params.seed)
    draw = draw_once if protocol == "released" else draw_each_epoch
    samples = draw(data.train, params.protocol.negatives, rng)
    order = params.protocol.history_order
    batch = next(batches(samples, data.train, params.history, order, 8, rng))
    model.train()
    whole = counted(lambda: loss_of(model(batch), batch).backward())
    found = operations_a_sample(model, data.train, params, "fp32")
    assert found == whole / len(batch.users)
