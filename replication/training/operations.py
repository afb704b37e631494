"""Floating-point operations of a training step, counted after training on a step that is thrown
away."""

import numpy as np
import torch
from torch import Tensor

from replication.machine.operations import counted
from replication.machine.precision import autocast
from replication.mind.columns.prepared import Impressions
from replication.recommenders import Recommender
from replication.study.params import Params
from replication.training.batches import batches, draw_each_epoch, draw_once
from replication.training.loop import loss_of


def operations_a_sample(
    model: Recommender, impressions: Impressions, params: Params, precision: str
) -> float:
    """Of one batch forward and backward, over its samples; what is computed once for a batch, as
    each of its distinct articles, is shared by them. Adam, value by value, is not counted.

    Parameters and random generators stay as they are.
    """
    protocol = params.protocol
    draw = draw_each_epoch if protocol.negatives_drawn == "each_epoch" else draw_once
    rng = np.random.default_rng(params.seed)
    samples = draw(impressions, protocol.negatives, rng)
    size = params.schedule.batch_size
    order = protocol.history_order
    batch = next(batches(samples, impressions, params.history, order, size, rng))
    batch = batch.to(model.labels.device)
    trained = [p for p in model.parameters() if p.requires_grad]
    was_training = model.training
    model.train()

    def step() -> tuple[Tensor | None, ...]:
        with autocast(precision):
            scores = model(batch)
        return torch.autograd.grad(loss_of(scores, batch), trained, allow_unused=True)

    found = counted(step) / len(batch.users)
    model.train(was_training)
    return found
