"""What the machine can do at most: measured, not taken from a data sheet.

Matrix multiplication at the shapes of the model, a copy and a random gather of far more than the
caches hold, and a sort.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from phases import Need, clock

from replication.machine.precision import computing_device

TOKENS = 8192  # of a batch of 16 samples: some 500 distinct articles of 16 tokens
SHAPES = {"384 x 384": (384, 384), "384 x 1536": (384, 1536), "1536 x 384": (1536, 384)}
ROW = 300  # float32: 1.2 kB, a news vector
ROWS = 200_000
KEYS = 2_740_998  # candidates of MIND-small's test split


@dataclass(frozen=True)
class Bounds:
    """Rates per second, each the best of several.

    multiply  FLOP by format ("bf16", "fp32") and shape of the weights, for `TOKENS` rows
    copy      bytes read and written together, by all threads
    gather    bytes likewise, of whole rows of 1.2 kB in random order
    sort      float32 numbers sorted, of as many as the test split has candidates
    """

    multiply: dict[str, dict[str, float]]
    copy: float
    gather: float
    sort: float

    def seconds(self, need: Need) -> dict[str, float]:
        """The least time that each resource needs: arithmetic, memory, gather, sort."""
        flops = sum(n / max(self.multiply[kind].values()) for kind, n in need.flops.items())
        return {
            "arithmetic": flops,
            "memory": need.moved / self.copy,
            "gather": need.gathered / self.gather,
            "sort": need.sorted / self.sort,
        }


def measure_bounds() -> Bounds:
    """Measure them on the computing device (sorts and gathers as the package makes them)."""
    device = computing_device()
    kinds = {"bf16": torch.bfloat16, "fp32": torch.float32}
    multiply: dict[str, dict[str, float]] = {}
    for kind, dtype in kinds.items():
        multiply[kind] = {}
        for name, (inner, columns) in SHAPES.items():
            x = torch.randn(TOKENS, inner, device=device, dtype=dtype)
            linear = torch.nn.Linear(inner, columns, device=device, dtype=dtype)
            with torch.inference_mode():
                spent = best_of(lambda x=x, linear=linear: linear(x))
            multiply[kind][name] = 2 * TOKENS * inner * columns / spent
    table = torch.rand(ROWS, ROW, device=device)
    target = torch.zeros_like(table)
    rows = torch.randperm(ROWS, device=device)
    twice = 2 * table.nbytes
    numbers = np.random.default_rng(1).random(KEYS, dtype=np.float32)
    return Bounds(
        multiply=multiply,
        copy=twice / best_of(lambda: target.copy_(table)),
        gather=twice / best_of(lambda: torch.index_select(table, 0, rows, out=target)),
        sort=KEYS / best_of(lambda: np.sort(numbers)),
    )


def best_of(function: Callable[[], Any], rounds: int = 7) -> float:
    """Seconds of the quickest round."""
    spent = []
    for _ in range(rounds):
        started = clock()
        function()
        spent.append(clock() - started)
    return min(spent)
