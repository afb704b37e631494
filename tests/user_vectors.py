"""User vectors from the vectors of their clicks, as tests state them: slot by slot."""

import torch
from torch import Tensor

from replication.recommenders import Recommender


def user_vectors(model: Recommender, clicked: Tensor, mask: Tensor, users: Tensor) -> Tensor:
    """Clicked news (b, h, width), oldest first, padded on the left; `mask` (b, h) bool, True = a
    click; user ids (b,) -> (b, width)."""
    slots = torch.arange(mask.numel(), device=mask.device).view(mask.shape)
    return model.encode_users(model.as_clicks(clicked.flatten(0, 1)), slots, mask, users)
