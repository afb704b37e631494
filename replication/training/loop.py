"""The training loop: Adam, cross-entropy over 1 + K candidates, early stopping on AUC."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from replication.errors import StudyError
from replication.mind.prepared import Impressions
from replication.params import Params
from replication.recommenders import Batch, Recommender
from replication.training.batches import Samples, ahead, batches, draw_each_epoch, draw_once


@dataclass(frozen=True)
class Fit:
    """What training did; AUCs are those of the selection split."""

    steps: int
    epochs: int
    samples: int
    articles: int
    seconds: float
    best_step: int
    best_auc: float
    curve: list[tuple[int, float, float]]  # step, mean training loss since the last one, AUC


def loss_of(scores: Tensor, batch: Batch) -> Tensor:
    """Mean negative log-likelihood of the clicked article, at index 0 of (b, 1 + K) scores."""
    scores = scores.float().masked_fill(~batch.drawn, float("-inf"))
    return F.cross_entropy(scores, scores.new_zeros(len(scores), dtype=torch.int64))


def parameter_groups(model: Recommender, params: Params) -> list[dict]:
    """Pre-trained parameters at the encoder's learning rate, all others at the recommender's."""
    pretrained = {id(p) for p in model.text.parameters() if p.requires_grad}
    trainable = [p for p in model.parameters() if p.requires_grad]
    schedule = params.schedule
    groups = [
        {"params": [p for p in trainable if id(p) not in pretrained], "lr": schedule.learning_rate},
        {
            "params": [p for p in trainable if id(p) in pretrained],
            "lr": schedule.encoder_learning_rate,
        },
    ]
    return [group for group in groups if group["params"]]


def train(
    model: Recommender,
    accelerator: Accelerator,
    impressions: Impressions,
    params: Params,
    select: Callable[[Recommender], float],
    rng: np.random.Generator,
    label: str,
) -> Fit:
    """Train in place; on return the model holds the parameters with the best selection AUC.

    select   gives the AUC of the selection split; called every `evaluate_every` batches and at the
             end. Training stops after `patience` calls in a row without a better one.
    Errors: `StudyError` where there is no sample, or the loss is no longer finite.
    """
    schedule, protocol = params.schedule, params.protocol
    draw = draw_each_epoch if protocol.negatives_drawn == "each_epoch" else draw_once
    optimizer = torch.optim.Adam(parameter_groups(model, params), fused=True)
    prepared, optimizer = accelerator.prepare(model, optimizer)
    samples = draw(impressions, protocol.negatives, rng)
    if not len(samples):
        raise StudyError(
            f"{label}: no click has {protocol.negatives} other candidates in its impression, so "
            "there is nothing to learn; lower protocol.negatives"
        )
    per_epoch = -(-len(samples) // schedule.batch_size)
    total = min(per_epoch * schedule.max_epochs, schedule.max_steps or sys.maxsize)
    started = time.perf_counter()
    best, best_auc, best_step, waited = _copy(model), -1.0, 0, 0
    curve: list[tuple[int, float, float]] = []
    losses: list[Tensor] = []
    step = seen = articles = 0
    stream = ahead(islice(_stream(samples, draw, impressions, params, rng), total))
    with tqdm(total=total, desc=label, unit="batch") as progress:
        prepared.train()
        for batch in stream:
            batch = batch.to(accelerator.device)
            loss = loss_of(prepared(batch), batch)
            accelerator.backward(loss)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            losses.append(loss.detach())
            step += 1
            seen += len(batch.users)
            articles += int((batch.candidates > 0).sum() + (batch.clicked > 0).sum())
            progress.update()
            if step % schedule.evaluate_every and step < total:
                continue
            mean_loss = float(torch.stack(losses).mean())
            if not np.isfinite(mean_loss):
                raise StudyError(
                    f"{label}: the loss is not finite at batch {step}; "
                    f"lower training.{params.schedule_name}.learning_rate"
                )
            losses.clear()
            auc = select(model)
            prepared.train()
            curve.append((step, round(mean_loss, 6), round(auc, 6)))
            progress.set_postfix(loss=f"{mean_loss:.3f}", auc=f"{auc:.4f}")
            waited += 1
            if auc > best_auc:
                best, best_auc, best_step, waited = _copy(model), auc, step, 0
            if waited >= schedule.patience:
                break
    model.load_state_dict(best, strict=False)
    return Fit(
        steps=step,
        epochs=-(-step // per_epoch),
        samples=seen,
        articles=articles,
        seconds=time.perf_counter() - started,
        best_step=best_step,
        best_auc=best_auc,
        curve=curve,
    )


def _stream(
    samples: Samples,
    draw: Callable[[Impressions, int, np.random.Generator], Samples],
    impressions: Impressions,
    params: Params,
    rng: np.random.Generator,
) -> Iterator[Batch]:
    """Batches of all epochs, one after another; `samples` are those of the first."""
    schedule, protocol = params.schedule, params.protocol
    for epoch in range(schedule.max_epochs):
        if epoch and protocol.negatives_drawn == "each_epoch":
            samples = draw(impressions, protocol.negatives, rng)
        yield from batches(
            samples, impressions, params.history, protocol.history_order, schedule.batch_size, rng
        )


def _copy(model: Recommender) -> dict[str, Tensor]:
    """The parameters that train: all that can differ between two steps."""
    return {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}
