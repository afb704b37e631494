"""LSTUR (An et al., ACL 2019), "ini": a GRU over clicks that starts from the user's own vector."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

from replication.recommenders.attention import ConvolutionReader
from replication.recommenders.base import Recommender, Sizes
from replication.study.protocol import Protocol


class LSTUR(Recommender):
    """Reads title, category and subcategory; its vectors are 3 x `filters` wide.

    `reads_padding` is deviation D3 as released: histories are padded on the left, yet the GRU reads
    the first n slots, so that it sees nothing but padding while n is at most half the slots.
    """

    reads_padding = False

    def follow(self, protocol: Protocol) -> None:
        self.reads_padding = protocol.gru_reads == "first_slots"

    @property
    def ignores_padding(self) -> bool:
        return self.masked and not self.reads_padding

    def build(self, sizes: Sizes, users: int) -> int:
        filters, width = sizes.filters, 3 * sizes.filters
        self.reader = ConvolutionReader(
            self.token_width, filters, sizes.window, sizes.query, sizes.dropout
        )
        self.label_embedding = nn.Embedding(self.label_count + 1, filters, padding_idx=0)
        self.user_embedding = nn.Embedding(users + 1, width, padding_idx=0)  # 0: unknown
        if sizes.aligned_start:
            nn.init.zeros_(self.user_embedding.weight)
        self.user_dropout = sizes.user_dropout
        self.gru = nn.GRU(width, width, batch_first=True)
        return width

    def encode_news(self, articles: Tensor) -> Tensor:
        title = self.read_text("title", articles, self.reader)  # (n, filters)
        labels = self.label_embedding(self.labels[articles]).flatten(1)  # (n, 2 * filters)
        return torch.cat([labels.to(title.dtype), title], dim=1)  # (n, 3 * filters)

    def read_user(
        self, clicked: Tensor, mask: Tensor | None, lengths: Tensor, users: Tensor
    ) -> Tensor:
        start = self.user_embedding(users)  # (b, width)
        # The whole ID vector is dropped, so that the model learns to do without it.
        keep = F.dropout(start.new_ones(len(start), 1), self.user_dropout, self.training)
        start = (start * keep).to(clicked.dtype)
        lengths = lengths.clamp(min=1)  # the GRU must read something (as released)
        if not self.reads_padding:
            slots = clicked.shape[1]
            first = (slots - lengths).unsqueeze(1)  # (b, 1): where the clicks begin
            order = (torch.arange(slots, device=clicked.device) + first) % slots  # (b, h)
            clicked = clicked.gather(1, order.unsqueeze(2).expand_as(clicked))
        packed = pack_padded_sequence(
            clicked, lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        return self.gru(packed, start.unsqueeze(0))[1].squeeze(0)  # (b, width)
