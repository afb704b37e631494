"""Dropout at a fraction of the usual cost on a processor, for our modules and Hugging Face's."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ATTENTION = "dropout_16_bit"  # the name under which Hugging Face finds `attend`


def dropout(x: Tensor, p: float) -> Tensor:
    """Zero each value with probability `p`, to 1/65536, and scale the rest up so that means stay.

    `x` may have any shape and floating type. On a processor one 64-bit number is drawn for four
    values: PyTorch's own dropout, which draws one number a value, takes twice to three times as
    long and is the most costly part of a training step after the matrix products.
    """
    if not x.is_cpu:
        return F.dropout(x, p)
    n, cut = x.numel(), round(p * 2**16)
    if cut == 2**16:
        return x * 0
    bits = torch.empty(-(-n // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
    kept = bits[:n].view(x.shape) >= cut - 2**15
    return x * (kept.to(x.dtype) * (2**16 / (2**16 - cut)))


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
    **options: object,
) -> tuple[Tensor, None]:
    """Attention as Hugging Face's models call it: three (n, heads, t, w) -> (n, t, heads, w).

    A processor's fused attention knows no dropout: PyTorch then takes the steps one by one, as this
    does, but drops by `bernoulli_`. Without dropout, and on a GPU, it is the fused one.
    """
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    if not dropout or not query.is_cpu:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout, scaling, **options
        )
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    scores = (query * scale) @ key.transpose(2, 3)  # (n, heads, t, t)
    if attention_mask is not None:
        scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
    weights = _drop(scores.softmax(dim=-1).to(value.dtype), dropout)
    return (weights @ value).transpose(1, 2), None


_drop = dropout  # which the argument of the same name hides


def register_attention() -> str:
    """Make `attend` known to Hugging Face; returns its name, an `attn_implementation`."""
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

    AttentionInterface.register(ATTENTION, attend)
    AttentionMaskInterface.register(ATTENTION, sdpa_mask)  # boolean masks, True = read
    return ATTENTION


def with_fast_dropout(model: nn.Module) -> nn.Module:
    """The model, in which each `nn.Dropout` has become a `Dropout`."""
    for module in model.modules():
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, Dropout(child.p).train(child.training))
    return model
