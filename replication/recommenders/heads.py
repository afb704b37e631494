"""Heads: from what a text encoder gives per token to what a recommender reads.

The release has three (its file names in brackets), so that there a frozen and a fine-tuned run
differ in more than tuning (deviation D7); the clean protocol uses `TokenHead` for all.
"""

import torch
from torch import Tensor, nn

from replication.machine.dropout import Dropout


class TokenHead(nn.Module):
    """Frozen encoders ("linear"): every token projected to the recommender's width."""

    def __init__(self, encoder_width: int, width: int, dropout: float):
        super().__init__()
        self.width = width
        self.linear = nn.Linear(encoder_width, width)
        self.dropout = Dropout(dropout)

    @torch.no_grad()
    def centre(self, mean: Tensor) -> None:
        """Begin by projecting the token vector `mean` (encoder_width,) to zero."""
        self.linear.bias.copy_(-self.linear.weight @ mean)

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`x` (n, t, encoder_width) -> (n, t, width), zero where masked; the mask unchanged."""
        y = self.dropout(self.linear(x))
        # A CNN window reaches one token past the end: it must find zeros there, not a bias.
        return (y if mask is None else y * mask.unsqueeze(2)), mask


class WordHead(nn.Module):
    """Tuned word vectors (the release's plain variants): the vectors themselves, with dropout."""

    def __init__(self, encoder_width: int, dropout: float):
        super().__init__()
        self.width = encoder_width
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`x` (n, t, w) -> the same shape and mask."""
        return self.dropout(x), mask


class ClsHead(nn.Module):
    """Fine-tuned PLMs ("bert"): [CLS] alone, through a pooler, as a sequence of length one.

    `xavier` starts the pooler's projection as released (D13), without a bias.
    """

    def __init__(self, encoder_width: int, xavier: bool = False):
        super().__init__()
        self.width = encoder_width
        linear = nn.Linear(encoder_width, encoder_width)
        if xavier:
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
        self.pooler = nn.Sequential(linear, Dropout(0.1), nn.LayerNorm(encoder_width), nn.SiLU())

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`x` (n, t, w) -> (n, 1, w), and no mask: there is one token and it is read."""
        return self.pooler(x[:, :1]), None
