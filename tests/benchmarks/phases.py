"""Where time goes, and what each phase of a piece of work asks of the machine."""

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import (
    FlopCounterMode,
    sdpa_backward_flop_count,
    sdpa_flop_count,
)

_aten = torch.ops.aten


@dataclass
class Need:
    """What a phase asks for: FLOP by number format, bytes moved in order and in random rows (read
    and written together), and numbers to sort."""

    flops: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    moved: int = 0
    gathered: int = 0
    sorted: int = 0


def clock() -> float:
    """Seconds, when all that the device was given to do is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


class Phases:
    """Wall time and needs by phase: `enter` ends one phase and begins another."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.needs: dict[str, Need] = defaultdict(Need)
        self.now: str | None = None
        self._since = 0.0

    def enter(self, name: str | None) -> None:
        """From here on time counts for `name`; for nothing if it is None."""
        at = clock()
        if self.now is not None:
            self.seconds[self.now] += at - self._since
        self.now, self._since = name, clock()


class Counter(FlopCounterMode):
    """Counts for the phase at hand the FLOP of every operation, by the format it computes in, and
    the bytes of the tensors that it reads and writes."""

    def __init__(self, phases: Phases):
        self.phases = phases
        # The processor's fused attention is not among those that torch knows to count.
        attention = {
            _aten._scaled_dot_product_flash_attention_for_cpu: _attention,
            _aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
        }
        super().__init__(display=False, custom_mapping=attention)

    def _count_flops(self, packet: Any, out: Any, args: Any, kwargs: Any) -> Any:
        if self.phases.now is not None and not _moves_nothing(packet):
            need = self.phases.needs[self.phases.now]
            tensors = [x for x in tree_leaves((args, kwargs, out)) if isinstance(x, torch.Tensor)]
            need.moved += sum(x.nbytes for x in tensors)
            if packet in self.flop_registry:
                kind = "bf16" if tensors[0].dtype == torch.bfloat16 else "fp32"
                need.flops[kind] += self.flop_registry[packet](*args, **kwargs, out_val=out)
        return super()._count_flops(packet, out, args, kwargs)


def _moves_nothing(packet: Any) -> bool:
    """Views, and memory that is only set aside."""
    return getattr(packet, packet.overloads()[0]).is_view or packet in (
        _aten.empty, _aten.empty_like, _aten.empty_strided, _aten.detach, _aten._unsafe_view
    )  # fmt: skip


def _attention(q: Any, k: Any, v: Any, *_: Any, out_val: Any = None, **__: Any) -> int:
    return sdpa_flop_count(q, k, v)


def _attention_backward(g: Any, q: Any, k: Any, v: Any, *_: Any, out_val: Any = None, **__: Any):
    return sdpa_backward_flop_count(g, q, k, v)
