"""Floating-point operations: counted by torch as they are run, on a sample of the work.

Products of matrices, convolutions and attention count, two operations for each product and sum;
what is done value by value (norms, softmax, dropout) does not, nor a GRU on a GPU, which torch
runs as one. Counting changes how torch runs some operations, so that it is never done in work
whose result is kept: a step or a text is run once more for it, and thrown away.
"""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch

Shape = torch.Size | list[int]


def counted(work: Callable[[], object]) -> int:
    """Operations of `work`, which is run once; what it draws at random moves no generator."""
    from torch.utils.flop_counter import FlopCounterMode, _FlopCounterMode

    # As wrapped for torch.compile it imports the compiler, in two seconds (`training/adam.py`).
    dispatch = inspect.unwrap(_FlopCounterMode.__torch_dispatch__)
    _FlopCounterMode.__torch_dispatch__ = dispatch  # type: ignore[method-assign]
    gpus = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with (
        torch.random.fork_rng(gpus),
        FlopCounterMode(display=False, custom_mapping=_on_processor()) as counter,
    ):
        work()
    return int(counter.get_total_flops())


def of_texts(one: Callable[[int], object], widths: Iterable[tuple[int, int]]) -> float:
    """Operations of work over texts, counted on three of them.

    one     does it for one text of so many tokens: the fewest, the most, or some between
    widths  of each batch: its texts, and to how many tokens they are padded

    What a text takes is a polynomial of second degree in its tokens: layers grow with them, and
    attention with their square.
    """
    batches = list(widths)
    known = sorted({width for _, width in batches})
    if not known:
        return 0.0
    places = sorted({known[0], known[len(known) // 2], known[-1]})
    found = [counted(lambda width=width: one(width)) for width in places]  # type: ignore[misc]
    curve = np.polynomial.Polynomial.fit(places, found, len(places) - 1)
    return float(sum(texts * round(curve(width)) for texts, width in batches))


def _on_processor() -> dict[Any, Any]:
    """The processor's fused attention, which torch's own table lacks."""
    from torch.utils.flop_counter import sdpa_backward_flop_count, sdpa_flop_count

    def forward(query: Shape, key: Shape, value: Shape, *_: Any, **__: Any) -> int:
        return sdpa_flop_count(query, key, value)

    def backward(grad: Shape, query: Shape, key: Shape, value: Shape, *_: Any, **__: Any) -> int:
        return sdpa_backward_flop_count(grad, query, key, value)

    fused = torch.ops.aten
    return {
        fused._scaled_dot_product_flash_attention_for_cpu: forward,
        fused._scaled_dot_product_flash_attention_for_cpu_backward: backward,
    }
