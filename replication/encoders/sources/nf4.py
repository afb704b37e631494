"""Weights as they are in 4 bits: what an adapter learned over, where its base was held in nf4.

An adapter corrects the weights that it was trained beside. Merged into the base as it was before
it was rounded to 4 bits, it would correct another model. So the base is rounded first, here and
without bitsandbytes, which is no requirement; the sum is kept in the number format of the model.
"""

import torch
from torch import Tensor, nn

# Quantiles of N(0, 1), scaled to 1 (Dettmers et al.: QLoRA, 2023, appendix E).
LEVELS = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0,
)  # fmt: skip
BLOCK = 64  # weights that share a scale, which is the largest of them
HEAD = "lm_head"  # transformers leaves it as it is


def rounded(weight: Tensor) -> Tensor:
    """A weight (out, in) through nf4 and back, in its own dtype: each value the nearest of 16
    levels times the scale of its block, by way of bfloat16 as in training."""
    flat = weight.detach().bfloat16().float().flatten()
    blocks = nn.functional.pad(flat, (0, -len(flat) % BLOCK)).view(-1, BLOCK)
    scales = blocks.abs().amax(dim=1, keepdim=True)
    levels = torch.tensor(LEVELS, device=weight.device)
    borders = (levels[1:] + levels[:-1]) / 2
    nearest = torch.bucketize(blocks / scales.clamp_min(torch.finfo(torch.float32).tiny), borders)
    found = (levels[nearest] * scales).flatten()[: len(flat)]
    return found.bfloat16().to(weight.dtype).view(weight.shape)


@torch.no_grad()
def round_base(model: nn.Module) -> None:
    """Round in place what training holds in 4 bits: all linear layers but the head's."""
    from transformers.pytorch_utils import Conv1D

    for name, module in model.named_modules():
        if name.rpartition(".")[2] == HEAD:
            continue
        if isinstance(module, Conv1D):  # of GPT-2, whose weights are (in, out)
            module.weight.copy_(rounded(module.weight.T.contiguous()).T)
        elif isinstance(module, nn.Linear):
            module.weight.copy_(rounded(module.weight))
