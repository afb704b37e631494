"""The two attentions that NAML, NRMS and LSTUR share, and the CNN reader of NAML and LSTUR."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from replication.machine.dropout import Dropout, attend_in_steps


class AdditiveAttention(nn.Module):
    """Weighted mean of a sequence: w = softmax(q . tanh(W x + b)) (Wu et al., NAML, 2019, eq. 4).

    The released code normalises by ``sum(exp) + 1e-8`` without subtracting the maximum; in float32
    that equals softmax to 1e-5 unless every score is below -6, and softmax cannot overflow.
    """

    def __init__(self, width: int, query: int):
        super().__init__()
        self.linear = nn.Linear(width, query)
        self.query = nn.Parameter(torch.empty(query).uniform_(-0.1, 0.1))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """`x` (n, t, w), `mask` (n, t) bool, True = read, at least one True a row -> (n, w)."""
        return self.pool(x, self.scores(x), mask)

    def scores(self, x: Tensor) -> Tensor:
        """`x` (..., w) -> what the softmax is taken of (...)."""
        return torch.tanh(self.linear(x)) @ self.query

    def pool(self, x: Tensor, scores: Tensor, mask: Tensor | None = None) -> Tensor:
        """`x` (n, t, w) and its `scores` (n, t) -> (n, w)."""
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        weights = scores.float().softmax(dim=1).to(x.dtype)  # (n, t)
        return (weights.unsqueeze(1) @ x).squeeze(1)  # (n, w)


class SelfAttention(nn.Module):
    """Multi-head self-attention without an output projection (Wu et al., NRMS, 2019).

    `xavier` starts the projections as released (D13): 1.7 times as far from zero as PyTorch does.
    """

    def __init__(self, width: int, heads: int, xavier: bool = False):
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width)
        self.k = nn.Linear(width, width)
        self.v = nn.Linear(width, width)
        for linear in (self.q, self.k, self.v) if xavier else ():
            nn.init.xavier_uniform_(linear.weight)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """`x` (n, t, w), `mask` (n, t) bool, True = may be attended to -> (n, t, w)."""
        return self.attend(self.project(x), mask)

    def project(self, x: Tensor) -> Tensor:
        """`x` (..., w) -> queries, keys and values (..., 3 w)."""
        linears = (self.q, self.k, self.v)
        weight = torch.cat([linear.weight for linear in linears])
        return F.linear(x, weight, torch.cat([linear.bias for linear in linears]))

    def attend(self, projected: Tensor, mask: Tensor | None = None) -> Tensor:
        """What `project` gives of a sequence (n, t, 3 w) -> (n, t, w)."""
        q, k, v = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2)  # (n, heads, t, w / heads)
            for part in projected.chunk(3, dim=2)
        )
        keys = None if mask is None else mask[:, None, None, :]
        # Over sequences this short a processor's fused attention takes twice as long as its steps.
        fused = F.scaled_dot_product_attention
        y = attend_in_steps(q, k, v, keys) if q.is_cpu else fused(q, k, v, attn_mask=keys)
        return y.transpose(1, 2).flatten(2)  # (n, t, w)


class ConvolutionReader(nn.Module):
    """Tokens -> one vector by a 1-D CNN, ReLU, dropout and additive attention (NAML, LSTUR)."""

    def __init__(self, width: int, filters: int, window: int, query: int, dropout: float):
        super().__init__()
        self.cnn = nn.Conv1d(width, filters, window, padding=(window - 1) // 2)
        self.dropout = Dropout(dropout)
        self.attention = AdditiveAttention(filters, query)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """`x` (n, t, w), zero where masked; `mask` (n, t) bool or None -> (n, filters)."""
        y = F.relu(self._convolved(x))  # (n, t, filters)
        return self.attention(self.dropout(y), mask)

    def _convolved(self, x: Tensor) -> Tensor:
        """`x` (n, t, w) -> (n, t, filters), the CNN's output."""
        if not x.is_cpu or x.dtype != torch.float32:
            return self.cnn(x.transpose(1, 2)).transpose(1, 2)
        # In 32 bits a processor does the same sums as one matrix product a quarter faster.
        window = self.cnn.kernel_size[0]
        sides = (window - 1) // 2
        seen = F.pad(x, (0, 0, sides, sides)).unfold(1, window, 1)  # (n, t, w, window)
        return F.linear(seen.flatten(2), self.cnn.weight.flatten(1), self.cnn.bias)
