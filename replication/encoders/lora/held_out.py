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
) -> Tensor:
    """The training's loss and the AUC of each click, (n, 2) float32 on the CPU, in every process.

    The first `adapter.judged` clicks in a random order of the seed's, all of them where there are
    fewer: the same ones, and the same candidates beside them, whenever it is asked. A click's AUC
    is the share of unclicked candidates drawn that stand below it, ties half; nothing drops out.
    """
    training = judge.training
    judge.eval()
    count = min(adapter.judged, len(clicks.article))
    values = torch.zeros(count, 2)
    for start in range(0, count, adapter.batch_size):
        batch = clicks.draw(adapter, start // adapter.batch_size)
        histories, candidates = batch[0][: count - start], batch[1][: count - start]
        own, _ = processes.share(len(candidates))
        scores, weight = scored(judge, questioner, (histories, candidates), precision)
        if not weight:  # scored because all have to take part; another process's
            continue
        first = scores.new_zeros(len(scores), dtype=torch.int64)
        others = scores[:, 1:]
        wins = (others < scores[:, :1]).float() + 0.5 * (others == scores[:, :1])
        there = others.isfinite()
        auc = (wins * there).sum(1) / there.sum(1)
        loss = F.cross_entropy(scores, first, reduction="none")
        values[[start + i for i in own]] = torch.stack([loss, auc], dim=1).cpu()
    judge.train(training)
    return processes.summed(values)


def told(before: Tensor, after: Tensor) -> dict[str, dict[str, float] | None]:
    """What is recorded of the same clicks before and after the training, of `judged`.

    `before` and `after`: the number of `clicks`, and the means `loss` and `auc`. `error`: the
    standard errors of the differences of these means, taken click by click, for a click that is
    hard before is often hard after as well; None of a single click, whose difference varies with
    nothing: its error is not known.
    """
    sides = {"before": before, "after": after}
    differences = (after - before).double()
    count = len(differences)
    return {
        **{
            name: {"clicks": len(side)} | _named(side.double().mean(0))
            for name, side in sides.items()
        },
        "error": _named(differences.std(0) / count**0.5) if count > 1 else None,
    }


def _named(values: Tensor) -> dict[str, float]:
    loss, auc = values.tolist()
    return {"loss": round(loss, 6), "auc": round(auc, 6)}
