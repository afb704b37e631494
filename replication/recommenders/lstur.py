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

    def arranged(self, places: Tensor, lengths: Tensor) -> Tensor:
        if self.reads_padding:
            return places
        slots = places.shape[1]
        first = (slots - lengths).unsqueeze(1)  # (b, 1): where the clicks begin
        return places.gather(1, (torch.arange(slots, device=places.device) + first) % slots)

    def click_features(self, vectors: Tensor) -> Tensor:
        """On a processor what the gates read of an article (n, 3 * width), once for each article
        and not for each click; a GPU takes the whole GRU as one."""
        weight, _, bias, _ = self.gru.all_weights[0]
        return vectors if vectors.is_cuda else F.linear(vectors, weight, bias)

    def read_user(
        self, clicked: Tensor, mask: Tensor | None, lengths: Tensor, users: Tensor
    ) -> Tensor:
        start = self.user_embedding(users)  # (b, width)
        # The whole ID vector is dropped, so that the model learns to do without it.
        keep = F.dropout(start.new_ones(len(start), 1), self.user_dropout, self.training)
        start = (start * keep).to(clicked.dtype)
        lengths = lengths.clamp(min=1)  # the GRU must read something (as released)
        if not clicked.is_cuda:
            return self._in_steps(clicked, lengths, start)
        packed = pack_padded_sequence(
            clicked, lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        return self.gru(packed, start.unsqueeze(0))[1].squeeze(0)  # (b, width)

    def _in_steps(self, gates: Tensor, lengths: Tensor, start: Tensor) -> Tensor:
        """The GRU over the first `lengths` (b,) slots of `gates` (b, h, 3 * width), as
        `click_features` gives them, from the states `start` (b, width): its last states.

        The longest histories stand first, so that each step reads a part from the top.
        """
        _, weight, _, bias = self.gru.all_weights[0]
        order = lengths.argsort(descending=True, stable=True)
        gates, state, ended = gates[order], start[order], []
        reading = (lengths[:, None] > torch.arange(int(lengths.max()))).sum(0).tolist()
        # Taken apart at once: the gradient of a slot taken by its number is as large as all slots.
        for here, rows in zip(gates.unbind(1), reading, strict=False):
            ended.append(state[rows:])
            state = state[:rows]
            own = F.linear(state, weight, bias)
            read_reset, read_update, read_new = here[:rows].chunk(3, dim=1)
            own_reset, own_update, own_new = own.chunk(3, dim=1)
            reset = torch.sigmoid(read_reset + own_reset)
            update = torch.sigmoid(read_update + own_update)
            new = torch.tanh(read_new + reset * own_new)
            state = new + update * (state - new)
        return torch.cat([state, *reversed(ended)]).index_select(0, order.argsort())
