"""Dropout and attention in training at a fraction of the usual cost on a processor.

For the recommenders' own modules and for those of Hugging Face.
"""

from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

Model = TypeVar("Model", bound=nn.Module)

# Numbers of the widest vector unit. PyTorch takes a softmax over fewer value by value: over 15 it
# takes ten times as long as over 16.
VECTOR = 16
ATTENTION = "steps_where_faster"  # the name under which Hugging Face finds `attend`


def dropout(x: Tensor, p: float) -> Tensor:
    """Zero each value with probability `p`, to 1/65536, and scale the rest up so that means stay.

    `x` may have any shape and floating type. On a processor one 64-bit number is drawn for four
    values, by a generator of NumPy's that takes its seed from PyTorch's: PyTorch's own dropout,
    which draws one number a value by a slower one, is the most costly part of a training step after
    the matrix products.
    """
    if not x.is_cpu:
        return F.dropout(x, p)
    n, cut = x.numel(), round(p * 2**16)
    if cut == 2**16:
        return x * 0
    generator = np.random.SFC64(int(torch.empty((), dtype=torch.int64).random_()))
    bits = torch.from_numpy(generator.random_raw(-(-n // 4)).view(np.int16))
    kept = bits[:n].view(x.shape).ge_(cut - 2**15)  # 1 where it is, else 0
    return x * kept.to(x.dtype).mul_(2**16 / (2**16 - cut))


class Dropout(nn.Dropout):
    """`nn.Dropout` by `dropout`."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; unchanged outside training."""
        return dropout(x, self.p) if self.training and self.p else x


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Attention as Hugging Face's models call it: three (n, heads, t, w) -> (n, t, heads, w).

    Training on a processor takes the steps one by one. Its fused attention knows no dropout, and
    its backward pass in bfloat16 takes five times as long. All else is fused.
    """
    from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward

    bf16 = torch.is_autocast_enabled("cpu") or query.dtype == torch.bfloat16
    slow = dropout or (query.requires_grad and bf16)
    if not (query.is_cpu and slow):
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout, scaling, **options
        )
    groups = query.shape[1] // key.shape[1]  # query heads that share a key and a value
    if attention_mask is None and getattr(module, "is_causal", False):
        size = query.shape[2]
        attention_mask = torch.ones(size, size, dtype=torch.bool).tril()
    read = attend_in_steps(
        query,
        repeat_kv(key, groups),
        repeat_kv(value, groups),
        attention_mask,
        dropout,
        scaling,
    )
    return read.transpose(1, 2), None


def attend_in_steps(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    drop: float = 0.0,
    scale: float | None = None,
) -> Tensor:
    """Attention of three (n, heads, t, w): (n, heads, t, w), products and softmax one by one.

    mask   bool, broadcast to (n, heads, t, t), True = read; a row without any reads all alike
    drop   probability of dropout among the weights
    scale  of the scores; 1 / sqrt(w) if None
    """
    scores = (query * (scale or query.shape[-1] ** -0.5)) @ key.transpose(2, 3)  # (n, heads, t, t)
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    if (short := VECTOR - scores.shape[-1]) > 0:
        scores = F.pad(scores, (0, short), value=-torch.inf)
    # In float32, which is both more exact and, on a processor, faster than in bfloat16.
    weights = scores.softmax(dim=-1, dtype=torch.float32).to(value.dtype)
    weights = weights[..., : value.shape[2]]
    return (dropout(weights, drop) if drop else weights) @ value


def register_attention() -> str:
    """Make `attend` known to Hugging Face; returns its name, an `attn_implementation`."""
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

    AttentionInterface.register(ATTENTION, attend)
    AttentionMaskInterface.register(ATTENTION, sdpa_mask)  # boolean masks, True = read
    return ATTENTION


def with_fast_dropout(model: Model) -> Model:
    """The model, in which each `nn.Dropout` has become a `Dropout`."""
    for module in model.modules():
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, Dropout(child.p).train(child.training))
    return model
