"""One vector for a text, as models of embeddings make it from the states of its tokens."""

import torch
from torch import Tensor


def pooled(states: Tensor, mask: Tensor, pooling: str) -> Tensor:
    """(n, t, d) and a mask (n, t) bool, True for a text's own tokens, which come first -> (n, d).

    pooling  last: the state of the last token; cls: of the first; mean: of all, in float32
    """
    if pooling == "cls":
        return states[:, 0]
    if pooling == "last":
        last = mask.sum(dim=1) - 1
        return states[torch.arange(len(states), device=states.device), last]
    weights = mask.unsqueeze(2).float()
    return ((states.float() * weights).sum(dim=1) / weights.sum(dim=1)).to(states.dtype)
