"""A step that is thrown away: its floating-point operations, and its gradients."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from replication.machine.operations import counted, of_texts
from replication.machine.precision import autocast, computing_device
from replication.mind.columns.prepared import Impressions
from replication.recommenders import Batch, Recommender
from replication.study.params import Params
from replication.training.batches import batches, draw_each_epoch, draw_once
from replication.training.loop import loss_of


def operations_a_sample(
    model: Recommender, impressions: Impressions, params: Params, precision: str
) -> float:
    """Of one batch forward and backward, over its samples; what is computed once for a batch, as
    each of its distinct articles, is shared by them. Adam, value by value, is not counted.

    Of each field one text is read in the step, and three more stand for all others (`of_texts`), so
    that counting takes a small part of a step. Parameters and random generators stay as they are.
    """
    batch = _one_batch(model, impressions, params)
    others: list[tuple[Callable[[int], Tensor], list[tuple[int, int]]]] = []

    def read_one(field: str, articles: Tensor, reader: Callable[..., Tensor]) -> Tensor:
        """In place of `read_text`, which no product of matrices tells apart."""
        encoder, head = cast(Any, model.text[field]), model.heads[field]
        parts = model.read_together(field, articles)
        longest = [articles[some[-1:]] for some in parts]
        widths = [encoder.places(article)[0].shape[1] for article in longest]
        article = dict(zip(widths, longest, strict=True))

        def read(width: int) -> Tensor:
            return reader(*head(*encoder(article[width])))

        texts = [len(some) for some in parts]
        texts[0] -= 1
        others.append((read, list(zip(texts, widths, strict=True))))
        return read(widths[0]).expand(len(articles), -1)

    model.read_text = read_one  # type: ignore[method-assign]
    try:
        operations = float(counted(lambda: _step(model, batch, precision)))
    finally:
        del model.read_text
    for read, texts in others:

        def one(width: int, read: Callable[[int], Tensor] = read) -> object:
            return _back(model, lambda: read(width), precision)

        operations += of_texts(one, texts)
    return operations / len(batch.users)


def gradients(
    model: Recommender, impressions: Impressions, params: Params, precision: str
) -> dict[Tensor, Tensor | None]:
    """Of the loss of the same batch, by what trains; None where the loss does not hang on it."""
    model.to(computing_device())
    batch = _one_batch(model, impressions, params)
    return dict(zip(_trained(model), _step(model, batch, precision), strict=True))


def _one_batch(model: Recommender, impressions: Impressions, params: Params) -> Batch:
    protocol = params.protocol
    draw = draw_each_epoch if protocol.negatives_drawn == "each_epoch" else draw_once
    rng = np.random.default_rng(params.seed)
    samples = draw(impressions, protocol.negatives, rng)
    size = params.schedule.batch_size
    order = protocol.history_order
    batch = next(batches(samples, impressions, params.history, order, size, rng))
    return batch.to(model.labels.device)


def _trained(model: Recommender) -> list[Tensor]:
    return [p for p in model.parameters() if p.requires_grad]


def _step(model: Recommender, batch: Batch, precision: str) -> tuple[Tensor | None, ...]:
    return _back(model, lambda: loss_of(model(batch), batch), precision)


def _back(
    model: Recommender, work: Callable[[], Tensor], precision: str
) -> tuple[Tensor | None, ...]:
    """Gradients of the sum of what `work` gives, as in training."""
    was_training = model.training
    model.train()
    with autocast(precision):
        found = work()
    gradients = torch.autograd.grad(found.sum(), _trained(model), allow_unused=True)
    model.train(was_training)
    return gradients
