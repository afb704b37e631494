"""How well a model tells a click that it has not learned from, of the day held out."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from replication.encoders.lora.clicks import Clicks
from replication.encoders.lora.questions import Questioner
from replication.machine import processes
from replication.machine.precision import autocast, computing_device
from replication.study.encoders import Adapter


def scored(
    judge: nn.Module,
    questioner: Questioner,
    batch: tuple[list[np.ndarray], np.ndarray],
    precision: str,
) -> tuple[Tensor, float]:
    """Scores of this process's samples of a batch of `Clicks.draw`, (b, 1 + K) float32, and their
    weight (`processes.share`); minus infinity where there is no candidate."""
    histories, candidates = batch
    own, weight = processes.share(len(candidates))
    questions = questioner.ask([histories[i] for i in own], candidates[own])
    questions = questions.to(computing_device())
    with autocast(precision):
        scores = judge(questions)
    return scores.masked_fill(~questions.asked, float("-inf")), weight


@torch.no_grad()
def judged(
    judge: nn.Module, questioner: Questioner, clicks: Clicks, adapter: Adapter, precision: str
) -> dict[str, float]:
    """Over the first `adapter.judged` clicks in a random order of the seed's, all of them where
    there are fewer: their number `clicks`, the training's `loss`, and `auc`, the share of unclicked
    candidates drawn that stand below the click, ties half. Means over clicks; nothing drops out.
    """
    training = judge.training
    judge.eval()
    count = min(adapter.judged, len(clicks.article))
    sums = torch.zeros(2)
    for start in range(0, count, adapter.batch_size):
        batch = clicks.draw(adapter, start // adapter.batch_size)
        histories, candidates = batch[0][: count - start], batch[1][: count - start]
        scores, weight = scored(judge, questioner, (histories, candidates), precision)
        first = scores.new_zeros(len(scores), dtype=torch.int64)
        others = scores[:, 1:]
        wins = (others < scores[:, :1]).float() + 0.5 * (others == scores[:, :1])
        there = others.isfinite()
        auc = ((wins * there).sum(1) / there.sum(1)).mean()
        found = torch.stack([F.cross_entropy(scores, first), auc]).cpu()
        sums += processes.mean(weight * found) * len(candidates)
    judge.train(training)
    loss, auc = (sums / count).tolist()
    return {"clicks": count, "loss": round(loss, 6), "auc": round(auc, 6)}
