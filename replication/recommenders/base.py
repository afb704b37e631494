"""What all recommenders have in common: one way to encode news and users, one score."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from replication.recommenders.heads import ClsHead, TokenHead, WordHead
from replication.study.protocol import Protocol

ARTICLES_AT_ONCE = 96  # whose texts are read together on a processor


@dataclass(frozen=True)
class Sizes:
    """Widths of a recommender; the defaults are the released code's.

    `aligned_start`, for runs of seconds, makes projected tokens begin with a mean of zero, news
    near the mean of their words and users near the mean of their clicked news (NRMS), or without a
    memory of the user (LSTUR); the release starts at random.
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

    def take(self, rows: list[int]) -> "Batch":
        """Those of the samples."""
        return Batch(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


class Recommender(nn.Module):
    """Base of every recommender. The score of an article is `user vector . news vector`.

    text        module per text field that it reads (`fields`): article ids -> token vectors
                (n, t, w) and mask or None
    labels      (articles + 1, 2) int64: category and subcategory of each article, row 0 padding
    head        "token", "word" or "cls" (see `heads`)
    masked      protocol D4: attend to real clicks only; else padded slots take part
    known_users (users + 1,) int64: each user's id, or 0 of a user who is unknown: see `forget`
    zero_padded empty slots of a history are zeros; else `forward` reads the encoded padding article
                (protocol D18), while scoring gives it zeros, as the release does
    xavier      protocol D13: projections of self-attention and of the pooler begin by xavier
    """

    labels: Tensor
    known_users: Tensor

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
        xavier: bool = False,
    ):
        super().__init__()
        self.text = text
        self.fields = tuple(text)
        self.register_buffer("labels", labels, persistent=False)
        self.register_buffer("known_users", torch.arange(users + 1))
        self.label_count = label_count
        self.masked = masked
        self.zero_padded = zero_padded
        self.xavier = xavier
        self.heads = nn.ModuleDict({f: self._head(head, sizes) for f in self.fields})
        for field, projected in self.heads.items() if sizes.aligned_start else ():
            if isinstance(projected, TokenHead):
                projected.centre(self._mean_token(field))
        self.token_width = cast(int, self.heads[self.fields[0]].width)
        self.width = self.build(sizes, users)
        # With a mask, an empty history leaves nothing to attend to: its user reads this instead.
        # It starts at zero, which is how the release reads an empty history at test time.
        self.no_click = nn.Parameter(torch.zeros(self.width)) if masked else None

    def _head(self, head: str, sizes: Sizes) -> nn.Module:
        width = cast(int, self.text[self.fields[0]].width)
        if head == "cls":
            return ClsHead(width, self.xavier)
        if head == "word":
            return WordHead(width, sizes.dropout)
        return TokenHead(width, sizes.filters, sizes.dropout)

    @torch.no_grad()
    def _mean_token(self, field: str) -> Tensor:
        """Mean token vector (w,) of some articles, evenly spaced in the catalogue."""
        encoder = self.text[field]
        learning = encoder.training
        encoder.eval()
        articles = torch.linspace(1, len(self.labels) - 1, ARTICLES_AT_ONCE).round().long()
        x, mask = encoder(articles)
        encoder.train(learning)
        return (x.flatten(0, 1) if mask is None else x[mask]).float().mean(0)

    def build(self, sizes: Sizes, users: int) -> int:
        """Create the modules of this recommender; return the width of its news vectors."""
        raise NotImplementedError

    def follow(self, protocol: Protocol) -> None:
        """Take the choices of the protocol that are this recommender's own: none, unless it has."""

    def forget(self) -> None:
        """Everybody is the unknown user, 0, from now on, but for those that `know` is told: a
        vector that a user has of their own says nothing before a training sample has shown it."""
        self.known_users.zero_()

    def know(self, users: Tensor) -> None:
        """These ids (n,) int64, on the model's device, are known as well from now on."""
        self.known_users[users] = users

    def read_text(
        self, field: str, articles: Tensor, reader: Callable[[Tensor, Tensor | None], Tensor]
    ) -> Tensor:
        """One field of articles (n,) -> (n, width of `reader`).

        Texts of like length are read together, so that little of what is computed is padding.

        reader  token vectors after the head (m, t, w) and their mask (m, t) or None -> (m, width)
        """
        encoder, head = self.text[field], self.heads[field]
        parts = self.read_together(field, articles)
        found = torch.cat([reader(*head(*encoder(articles[some]))) for some in parts])
        return found.index_select(0, torch.cat(parts).argsort())

    def read_together(self, field: str, articles: Tensor) -> tuple[Tensor, ...]:
        """Places in `articles` (n,) of those whose texts are read at once, the shortest first."""
        lengths = cast(Any, self.text[field]).places.lengths
        order = lengths[articles].argsort(stable=True)
        return order.split(max(1, len(articles) if articles.is_cuda else ARTICLES_AT_ONCE))

    @property
    def ignores_padding(self) -> bool:
        """Whether a history's vector is the same without its padding."""
        return self.masked

    def encode_news(self, articles: Tensor) -> Tensor:
        """Article ids (n,) int64 -> news vectors (n, width)."""
        raise NotImplementedError

    def as_clicks(self, vectors: Tensor) -> Tensor:
        """News vectors (n, width) -> what the user encoder reads of each: (n + 2, c).

        All that it does with an article by itself is done here, once for each article and not for
        each click. The last two rows are those of an empty slot and of an empty history.
        """
        slot = torch.zeros_like(vectors[:1])
        history = slot if self.no_click is None else self.no_click.to(vectors.dtype)[None]
        return self.click_features(torch.cat([vectors, slot, history]))

    def encode_users(
        self, clicks: Tensor, places: Tensor, mask: Tensor | None, users: Tensor
    ) -> Tensor:
        """User ids (b,) and their clicks, oldest first, padded on the left -> (b, width).

        The click in a slot is row `places` (b, h) int64 of `as_clicks`; `mask` (b, h) bool, True =
        a click, None where there is one in every slot. Users that are not known are 0.
        """
        users = self.known_users[torch.where(users < len(self.known_users), users, 0)]
        if mask is None:
            lengths = torch.full_like(users, places.shape[1])
            return self.read_slots(clicks, places, None, lengths, users)
        slot, history = len(clicks) - 2, len(clicks) - 1
        if self.zero_padded or self.masked:  # masked slots are zeros too: a GRU may read them (D3)
            places = places.masked_fill(~mask, slot)
        lengths = mask.sum(1)
        if self.masked:
            last = torch.zeros_like(mask)
            last[:, -1] = lengths == 0  # an empty history has one click, in its last slot
            places, mask = places.masked_fill(last, history), mask | last
            lengths = mask.sum(1)
        return self.read_slots(clicks, places, mask if self.masked else None, lengths, users)

    def read_slots(
        self, clicks: Tensor, places: Tensor, mask: Tensor | None, lengths: Tensor, users: Tensor
    ) -> Tensor:
        """Users by the rows `places` (b, h) of `clicks`, of which the last `lengths` (b,) are
        clicks: (b, width). `read_user` is given all slots at once."""
        return self.read_user(F.embedding(places, clicks), mask, lengths, users)

    def click_features(self, vectors: Tensor) -> Tensor:
        """News vectors (n, width) -> (n, c), the part of the user encoder that is by article."""
        return vectors

    def read_user(
        self, clicked: Tensor, mask: Tensor | None, lengths: Tensor, users: Tensor
    ) -> Tensor:
        """`click_features` (b, h, c), (b, h) or None, (b,), (b,) -> (b, width)."""
        raise NotImplementedError

    def forward(self, batch: Batch) -> Tensor:
        """Scores (b, 1 + K) float32; each distinct article of the batch is encoded once."""
        wanted = torch.cat([batch.candidates, batch.clicked], dim=1)  # (b, 1 + K + h)
        articles, place = torch.unique(wanted, return_inverse=True)  # (n,), (b, 1 + K + h)
        vectors = self.encode_news(articles)  # (n, width)
        shown, read = place.split([batch.candidates.shape[1], batch.clicked.shape[1]], dim=1)
        clicks = self.as_clicks(vectors)
        user = self.encode_users(clicks, read, batch.clicked > 0, batch.users)  # (b, width)
        # As when testing: the product in float32, though its factors may come in bfloat16.
        with torch.autocast(user.device.type, enabled=False):
            shown_vectors = F.embedding(shown, vectors.float())  # (b, 1 + K, width)
            return (shown_vectors @ user.float().unsqueeze(2)).squeeze(2)
