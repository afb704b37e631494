"""Of the states of a text's tokens, those that are read: one vector, or the last ones."""

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


def newest(states: Tensor, mask: Tensor, last: int) -> tuple[Tensor, Tensor]:
    """The states of the last tokens of each text, (n, last, d), in their order, and which there
    are: (n, last) bool; of a shorter text those that are missing stand at the end.

    states, mask: as in `pooled`
    """
    lengths = mask.sum(dim=1, keepdim=True)  # (n, 1)
    where = (lengths - last).clamp(min=0) + torch.arange(last, device=states.device)
    known = where < lengths
    rows = torch.arange(len(states), device=states.device).unsqueeze(1)
    return states[rows, where.clamp(max=states.shape[1] - 1)], known
