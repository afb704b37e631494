"""What the three recommenders have in common: one way to encode news and users, one score."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from replication.recommenders.heads import ClsHead, TokenHead, WordHead


@dataclass(frozen=True)
class Sizes:
    """Widths of a recommender; the defaults are the released code's.

    `aligned_start` makes the user encoder begin near the mean of the clicked news (NRMS) or without
    a memory of the user (LSTUR), for runs of seconds; the release starts at random.
    """

    filters: int = 300
    query: int = 200
    heads: int = 15
    cls_heads: int = 16
    category: int = 100
    window: int = 3
    dropout: float = 0.2
    user_dropout: float = 0.5
    aligned_start: bool = False


@dataclass(frozen=True)
class Batch:
    """Training samples; 0 is the padding article and the unknown user.

    candidates  (b, 1 + K) int64, the clicked article first
    drawn       (b, 1 + K) bool, False where an impression had fewer than K negatives
    clicked     (b, h) int64, oldest first, padded on the left
    users       (b,) int64
    """

    candidates: Tensor
    drawn: Tensor
    clicked: Tensor
    users: Tensor

    def to(self, device: torch.device) -> "Batch":
        return Batch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


class Recommender(nn.Module):
    """Base of NAML, NRMS and LSTUR. The score of an article is `user vector . news vector`.

    text        module per text field: article ids -> token vectors (n, t, w) and mask or None
    labels      (articles + 1, 2) int64: category and subcategory of each article, row 0 padding
    head        "token", "word" or "cls" (see `heads`)
    masked      protocol D4: attend to real clicks only; else padded slots take part
    zero_padded the release zeroes padded clicks when a PLM is tuned, and not otherwise
    """

    fields: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        text: nn.ModuleDict,
        labels: Tensor,
        label_count: int,
        users: int,
        sizes: Sizes,
        head: str,
        masked: bool,
        zero_padded: bool,
    ):
        super().__init__()
        self.text = text
        self.register_buffer("labels", labels, persistent=False)
        self.label_count = label_count
        self.masked = masked
        self.zero_padded = zero_padded
        self.heads = nn.ModuleDict({f: self._head(head, sizes) for f in self.fields})
        self.token_width = self.heads["title"].width
        self.width = self.build(sizes, users)
        # With a mask, an empty history leaves nothing to attend to: its user reads this instead.
        # It starts at zero, which is how the release reads an empty history at test time.
        self.no_click = nn.Parameter(torch.zeros(self.width)) if masked else None

    def _head(self, head: str, sizes: Sizes) -> nn.Module:
        width = self.text["title"].width
        if head == "cls":
            return ClsHead(width)
        if head == "word":
            return WordHead(width, sizes.dropout)
        return TokenHead(width, sizes.filters, sizes.dropout)

    def build(self, sizes: Sizes, users: int) -> int:
        """Create the modules of this recommender; return the width of its news vectors."""
        raise NotImplementedError

    def read_text(self, field: str, articles: Tensor) -> tuple[Tensor, Tensor | None]:
        """Token vectors of one field after the head: (n, t, w) and the mask (n, t) or None."""
        x, mask = self.text[field](articles)
        if not torch.is_autocast_enabled(x.device.type):  # which would convert it where it is read
            x = x.float()
        return self.heads[field](x, mask)

    @property
    def ignores_padding(self) -> bool:
        """Whether a history's vector is the same without its padding."""
        return self.masked

    def by_length(self, articles: Tensor) -> Tensor:
        """The article ids (n,), those with the shortest texts first: neighbours pad little."""
        lengths = sum(encoder.places.lengths[articles] for encoder in self.text.values())
        return articles[lengths.argsort(stable=True)]

    def encode_news(self, articles: Tensor) -> Tensor:
        """Article ids (n,) int64 -> news vectors (n, width)."""
        raise NotImplementedError

    def encode_user(self, clicked: Tensor, mask: Tensor, users: Tensor) -> Tensor:
        """Vectors of clicked news (b, h, width), oldest first, padded on the left; `mask` (b, h)
        bool, True = a click; user ids (b,) -> user vectors (b, width)."""
        if self.zero_padded or self.masked:  # masked slots are zeros too: a GRU may read them (D3)
            clicked = clicked * mask.unsqueeze(2)
        if not self.masked:
            return self.read_user(clicked, None, mask.sum(1), users)
        empty = ~mask.any(dim=1)
        slot = torch.zeros_like(mask)
        slot[:, -1] = empty  # the last slot of an empty history
        clicked = torch.where(slot.unsqueeze(2), self.no_click.to(clicked.dtype), clicked)
        mask = mask | slot
        return self.read_user(clicked, mask, mask.sum(1), users)

    def read_user(
        self, clicked: Tensor, mask: Tensor | None, lengths: Tensor, users: Tensor
    ) -> Tensor:
        """(b, h, width), (b, h) or None, (b,), (b,) -> (b, width)."""
        raise NotImplementedError

    def forward(self, batch: Batch) -> Tensor:
        """Scores (b, 1 + K); each distinct article of the batch is encoded once."""
        wanted = torch.cat([batch.candidates, batch.clicked], dim=1)  # (b, 1 + K + h)
        articles, place = torch.unique(wanted, return_inverse=True)  # (n,), (b, 1 + K + h)
        vectors = self.encode_news(articles)[place]  # (b, 1 + K + h, width)
        candidates, clicked = vectors.split(
            [batch.candidates.shape[1], batch.clicked.shape[1]], dim=1
        )
        user = self.encode_user(clicked, batch.clicked > 0, batch.users)  # (b, width)
        return (candidates @ user.unsqueeze(2)).squeeze(2)
