"""Which tokens of a packed question see which, in the form that a model of each kind reads it."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from replication.encoders.architectures import ARCHITECTURES

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


def seen(
    config: "PreTrainedConfig", attends: Tensor, positions: Tensor, dtype: torch.dtype
) -> Tensor | dict[str, Tensor]:
    """The `attention_mask` of a causal model of transformers, which takes it as it is.

    config     the model's; a layer of local attention sees the nearest tokens alone, by positions
    attends    (b, 1, t, t) bool, which tokens (rows) see which (columns)
    positions  (b, t) int64
    dtype      of the model, for those that add a mask to their scores: a boolean one would add 1
    Returns (b, 1, t, t), bool or of `dtype`; by the kind of layer where a model has two.
    """
    parts = ARCHITECTURES[config.model_type]

    def form(mask: Tensor) -> Tensor:
        if config._attn_implementation != "eager":
            return mask
        least = torch.finfo(dtype).min
        return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(~mask, least)

    window = getattr(config, "sliding_window", None) if parts.window else None
    local = attends
    if window is not None:
        distances = positions[:, None, :, None] - positions[:, None, None, :]
        local = attends & (distances < window)
    if parts.window == "some":
        return {"full_attention": form(attends), "sliding_attention": form(local)}
    return form(local)
