"""The training loop: Adam, cross-entropy over 1 + K candidates, early stopping on AUC."""

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from replication.files.errors import StudyError
from replication.machine import processes
from replication.machine.precision import autocast, computing_device
from replication.mind.columns.prepared import Impressions
from replication.recommenders import Batch, Recommender
from replication.study.params import Params, Schedule
from replication.training.adam import Adam
from replication.training.batches import (
    Samples,
    ahead,
    batches,
    batches_of,
    draw_each_epoch,
    draw_once,
)
from replication.training.progress import Fit, Learning, Progress


def loss_of(scores: Tensor, batch: Batch) -> Tensor:
    """Mean negative log-likelihood, in float32, of the clicked article: index 0 of (b, 1 + K)."""
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
    precision: str,
    impressions: Impressions,
    params: Params,
    select: Callable[[Recommender], float],
    rng: np.random.Generator,
    label: str,
    progress: Progress | None = None,
    told: bool = True,
) -> Fit:
    """Train in place; on return the model holds the parameters with the best selection AUC.

    precision bf16 (the model runs under autocast) or fp32
    select    gives the AUC of the selection split; called every `evaluate_every` batches and at the
              end. Training stops after `patience` calls in a row without a better one.
    rng       as it was when the run began: what a run that was cut off had drawn is drawn again
    progress  where the state is saved every few minutes, and from which training goes on; where it
              tries a run's rates, its last batch is remembered for that run
    told      whether anybody reads the selection AUC. If not, an evaluation that is the only one
              is left out, for it decides nothing; the AUC is NaN then

    Of several processes each learns from its share of every batch; what is dropped out depends on
    process and batch alone. Parameters and losses are the same in all, up to the rounding of sums.
    Errors: `StudyError` where there is no sample, or the loss is no longer finite.
    """
    schedule, protocol = params.schedule, params.protocol
    seed = torch.initial_seed()  # that the run was seeded with
    draw = draw_each_epoch if protocol.negatives_drawn == "each_epoch" else draw_once
    device = computing_device()
    model.to(device)
    optimizer = Adam(parameter_groups(model, params), fused=True)
    samples = draw(impressions, protocol.negatives, rng)
    if not len(samples):
        raise StudyError(
            f"{label}: no click has {protocol.negatives} other candidates in its impression, so "
            "there is nothing to learn; lower protocol.negatives"
        )
    dropped = protocol.last_batch == "dropped"
    per_epoch = batches_of(len(samples), schedule.batch_size, dropped)
    if not per_epoch:
        raise StudyError(
            f"{label}: {len(samples)} clicks are fewer than a batch, and a smaller one is dropped; "
            f"lower training.{params.schedule_name}.batch_size, or set protocol.last_batch: kept"
        )
    prepared = processes.learning_together(model)
    total = _total(schedule, per_epoch)
    unseen = not told and total <= schedule.evaluate_every
    trained: dict[str, Tensor] = {n: p for n, p in model.named_parameters() if p.requires_grad}
    trained["known_users"] = model.known_users  # of the batches up to a step alone
    fit = progress.fit(schedule) if progress else Fit()
    at = Learning(schedule, fit, trained, optimizer)
    best, losses = _copy(trained), []
    if progress and fit.steps:
        kept = progress.restore(at)
        losses = list(kept.pop("losses").to(device))
        best = kept
    if processes.agreed(fit.steps) != fit.steps:
        raise StudyError(
            f"{label}: the processes found different states; expected one project folder that all "
            "nodes see"
        )
    started = time.perf_counter() - fit.seconds

    def keep(save: Callable[[Learning, Mapping[str, Tensor]], None]) -> None:
        fit.seconds = time.perf_counter() - started
        kept = {**best, "losses": torch.stack(losses) if losses else torch.empty(0)}
        save(at, kept)

    run = progress.tries if progress and progress.tries else schedule
    leave = progress.leave if progress and progress.tries else None
    left = total - fit.steps if fit.waited < schedule.patience else 0
    stream = ahead(islice(_stream(samples, draw, impressions, params, rng, fit.steps), left))
    with tqdm(total=total, initial=fit.steps, desc=label, unit="batch") as bar:
        prepared.train()
        if protocol.encoder_dropout == "after_validation" and not fit.curve:
            # D5: a PLM comes in evaluation mode, which the first validation ends.
            model.text.eval()
        for batch in stream:
            # Before it is on a GPU, which would have to be waited for.
            for read in (batch.candidates, batch.clicked):
                fit.articles += int(np.count_nonzero(read.numpy()))
            batch = batch.to(device)
            model.know(batch.users)
            own, weight = _own_share(batch, seed, fit.steps)
            learn = partial(_learned, prepared, own, weight, precision)
            if progress and not fit.steps:
                loss, spent = progress.first_batch(at, learn)
                started -= spent
            else:
                loss = learn()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            losses.append(processes.mean(loss))
            fit.steps += 1
            fit.samples += len(batch.users)
            bar.update()
            if leave and fit.steps == total and not _evaluated(run, total, per_epoch):
                keep(leave)  # before an evaluation that the run does not make
            if _evaluated(schedule, fit.steps, per_epoch):
                mean_loss = float(torch.stack(losses).mean())
                if not np.isfinite(mean_loss):
                    raise StudyError(
                        f"{label}: the loss is not finite at batch {fit.steps}; "
                        f"lower training.{params.schedule_name}.learning_rate"
                    )
                losses.clear()
                auc = math.nan if unseen else processes.agreed(select(model))
                prepared.train()
                fit.curve.append((fit.steps, round(mean_loss, 6), round(auc, 6)))
                shown = {} if unseen else {"auc": f"{auc:.4f}"}
                bar.set_postfix(loss=f"{mean_loss:.3f}", **shown)
                fit.waited += 1
                if unseen or auc > fit.best_auc:
                    best = _copy(trained)
                    fit.best_auc, fit.best_step, fit.waited = auc, fit.steps, 0
            ends = fit.steps == total or fit.waited >= schedule.patience
            if leave and ends and _evaluated(run, fit.steps, per_epoch):
                keep(leave)
            # What stops unseen is no state to go on from where the AUC is read.
            if progress and progress.state.due and not (unseen and ends):
                keep(progress.save)
            if ends:
                break
    model.load_state_dict(best, strict=False)
    fit.epochs = -(-fit.steps // per_epoch)
    fit.seconds = time.perf_counter() - started
    return fit


def _learned(model: nn.Module, batch: Batch, weight: float, precision: str) -> Tensor:
    """The loss of a batch, times `weight`; its gradients are with the parameters then."""
    with autocast(precision):
        scores = model(batch)
    loss = weight * loss_of(scores, batch)
    loss.backward()
    return loss.detach()


def _total(schedule: Schedule, per_epoch: int) -> int:
    """Batches of a training that nothing stops early."""
    return min(per_epoch * schedule.max_epochs, schedule.max_steps or sys.maxsize)


def _evaluated(schedule: Schedule, steps: int, per_epoch: int) -> bool:
    """Whether training by a schedule looks at the selection split after so many batches."""
    return steps % schedule.evaluate_every == 0 or steps == _total(schedule, per_epoch)


def _own_share(batch: Batch, seed: int, step: int) -> tuple[Batch, float]:
    """This process's samples of a batch and the weight of their loss; a process alone has all.

    A saved state has the generator of that one, while several seed their own at every step.
    """
    if processes.count() == 1:
        return batch, 1.0
    processes.seed(seed, step)
    rows, weight = processes.share(len(batch.users))
    return batch.take(rows), weight


def _stream(
    samples: Samples,
    draw: Callable[[Impressions, int, np.random.Generator], Samples],
    impressions: Impressions,
    params: Params,
    rng: np.random.Generator,
    done: int,
) -> Iterator[Batch]:
    """Batches of all epochs, one after another, but for the first `done`.

    samples  those of the first epoch
    """
    schedule, protocol = params.schedule, params.protocol
    dropped = protocol.last_batch == "dropped"
    per_epoch = batches_of(len(samples), schedule.batch_size, dropped)
    for epoch in range(schedule.max_epochs):
        if epoch and protocol.negatives_drawn == "each_epoch":
            samples = draw(impressions, protocol.negatives, rng)
        yield from batches(
            samples,
            impressions,
            params.history,
            protocol.history_order,
            schedule.batch_size,
            rng,
            max(0, done - epoch * per_epoch),
            dropped,
        )


def _copy(parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What trains, and who is known, are all that can differ between two steps."""
    return {name: p.detach().clone() for name, p in parameters.items()}
