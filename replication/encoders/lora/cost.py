"""What the training of an adapter took."""

import torch
from torch import Tensor

from replication.encoders.lora.clicks import Clicks
from replication.encoders.lora.judge import Judge
from replication.encoders.lora.questions import Questioner
from replication.encoders.sources.checkpoints import checkpoint_digest
from replication.files.atomic import write_json
from replication.machine import environment, memory, processes
from replication.machine.operations import counted
from replication.machine.precision import autocast, computing_device
from replication.study import paths
from replication.study.encoders import Adapter


def operations_a_sample(
    adapter: Adapter, judge: Judge, questioner: Questioner, clicks: Clicks, precision: str
) -> float:
    """Floating-point operations of LoRA for one click: those of this process's share of the first
    batch, forward and backward, which is run once more and thrown away."""
    histories, candidates = clicks.draw(adapter, 0)
    own, _ = processes.share(len(candidates))
    questions = questioner.ask([histories[i] for i in own], candidates[own]).to(computing_device())
    trained = [p for p in judge.parameters() if p.requires_grad]

    def step() -> tuple[Tensor | None, ...]:
        with autocast(precision):
            scores = judge(questions)
        return torch.autograd.grad(scores.sum(), trained, allow_unused=True)

    return counted(step) / len(own)


def save_adapter_cost(
    name: str, seconds: float | None, samples: int, operations: float | None
) -> None:
    """Write what an adapter's training took to reports/adapters/<name>.json.

    seconds     None where the run had been interrupted, for then it did not do the whole
    samples     clicks that it learned from, each time one was shown
    operations  floating-point operations for each; None where processes share the weights, for
                none of them runs the whole model
    """
    if not processes.is_first():
        return
    training = checkpoint_digest(name)["training"]
    write_json(
        paths.ADAPTERS / f"{name}.json",
        {
            "trainable_parameters": training["trainable_parameters"],
            "steps": training["steps"],
            "held_out": training["held_out"],
            "samples": samples,
            "processes": processes.count(),
            "seconds": None if seconds is None else round(seconds, 2),
            "seconds_a_sample": None if seconds is None else round(seconds / samples, 6),
            "operations_a_sample": operations,
            **memory.peak_memory(),
            "hardware": environment.hardware(),
        },
    )
