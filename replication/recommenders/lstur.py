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

    def click_features(self, vectors: Tensor) -> Tensor:
        """On a processor what the gates read of an article (n, 3 * width), once for each article
        and not for each click; a GPU takes the whole GRU as one."""
        weight, _, bias, _ = self.gru.all_weights[0]
        return vectors if vectors.is_cuda else F.linear(vectors, weight, bias)

    def read_slots(
        self, clicks: Tensor, places: Tensor, mask: Tensor | None, lengths: Tensor, users: Tensor
    ) -> Tensor:
        start = self.user_embedding(users)  # (b, width)
        # The whole ID vector is dropped, so that the model learns to do without it.
        keep = F.dropout(start.new_ones(len(start), 1), self.user_dropout, self.training)
        start = (start * keep).to(clicks.dtype)
        if not self.reads_padding:
            slots = places.shape[1]
            first = (slots - lengths).unsqueeze(1)  # (b, 1): where the clicks begin
            moved = (torch.arange(slots, device=places.device) + first) % slots
            places = places.gather(1, moved)
        lengths = lengths.clamp(min=1)  # the GRU must read something (as released)
        if not clicks.is_cuda:
            return self._in_steps(clicks, places, lengths, start)
        clicked = F.embedding(places, clicks)  # (b, h, width)
        packed = pack_padded_sequence(
            clicked, lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        return self.gru(packed, start.unsqueeze(0))[1].squeeze(0)  # (b, width)

    def _in_steps(self, clicks: Tensor, places: Tensor, lengths: Tensor, start: Tensor) -> Tensor:
        """The GRU over the first `lengths` (b,) slots `places` (b, h) of `clicks`, whose gates
        `click_features` gives, from the states `start` (b, width): its last states.

        The longest histories stand first, so that each step reads a part from the top.
        """
        _, weight, _, bias = self.gru.all_weights[0]
        order = lengths.argsort(descending=True, stable=True)
        state, ended = start[order], []
        reads = torch.arange(int(lengths.max()))[:, None] < lengths[order]  # (steps, b)
        rows = reads.sum(1).tolist()
        # Those of all steps are gathered at once, and no slot that is not read.
        read = F.embedding(places[order].T[: len(rows)][reads], clicks)
        for gates, reading in zip(read.split(rows), rows, strict=True):
            state, end = state.split([reading, len(state) - reading])
            ended.append(end)
            read_reset, read_update, read_new = gates.chunk(3, dim=1)
            own_reset, own_update, own_new = F.linear(state, weight, bias).chunk(3, dim=1)
            reset = torch.sigmoid(read_reset + own_reset)
            update = torch.sigmoid(read_update + own_update)
            new = torch.tanh(read_new + reset * own_new)
            state = new + update * (state - new)
        return torch.cat([state, *reversed(ended)]).index_select(0, order.argsort())
