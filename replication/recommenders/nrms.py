"""NRMS (Wu et al., EMNLP 2019): self-attention over title tokens, then over clicked news."""

from torch import Tensor, nn

from replication.machine.dropout import Dropout
from replication.recommenders.attention import AdditiveAttention, SelfAttention
from replication.recommenders.base import Recommender, Sizes
from replication.recommenders.heads import ClsHead


class NRMS(Recommender):
    """Reads titles only; its news and user vectors are as wide as its token vectors."""

    def build(self, sizes: Sizes, users: int) -> int:
        width = self.token_width
        heads = sizes.cls_heads if isinstance(self.heads["title"], ClsHead) else sizes.heads
        self.token_attention = SelfAttention(width, heads, self.xavier)
        self.dropout = Dropout(sizes.dropout)
        self.token_pool = AdditiveAttention(width, sizes.query)
        self.click_attention = SelfAttention(width, heads, self.xavier)
        self.click_pool = AdditiveAttention(width, sizes.query)
        if sizes.aligned_start:
            for attention in (self.token_attention, self.click_attention):
                nn.init.eye_(attention.v.weight)
                nn.init.zeros_(attention.v.bias)
        return width

    def encode_news(self, articles: Tensor) -> Tensor:
        return self.read_text("title", articles, self._read_title)

    def _read_title(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Token vectors (n, t, w) and mask (n, t) or None -> (n, w)."""
        return self.token_pool(self.dropout(self.token_attention(x, mask)), mask)

    def click_features(self, vectors: Tensor) -> Tensor:
        return self.click_attention.project(vectors)

    def read_user(
        self, clicked: Tensor, mask: Tensor | None, lengths: Tensor, users: Tensor
    ) -> Tensor:
        return self.click_pool(self.click_attention.attend(clicked, mask), mask)
