"""One training step the naive way, the released code's: slot after slot, all layers, float32.

Every slot of the candidates and of the padded histories is encoded by a call of its own, whatever
article stands there: one that stands in the batch already, or none. A call runs the whole
transformer on token ids padded to the limit, the frozen layers below the cut included. What is
computed is the clean protocol's: masks, frozen layers without dropout, the token head. Where the
embedding table trains, as released (D6), gradients pass through the frozen layers on their way.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoModel
from user_vectors import user_vectors

from replication.encoders.models.text import Places
from replication.mind.columns.ragged import Ragged
from replication.recommenders import Batch, Recommender


class WholeTransformer(nn.Module):
    """Article ids -> token vectors (n, limit, d) and mask (n, limit); the top `tuned` layers train.

    tokens            ids of each article, at most `limit`; row 0 is the padding article
    embeddings_train  and the embedding table trains too
    """

    def __init__(
        self, checkpoint: Path, tuned: int, tokens: Ragged, limit: int, embeddings_train: bool
    ):
        super().__init__()
        self.transformer = AutoModel.from_pretrained(checkpoint, add_pooling_layer=False)
        layers = self.transformer.encoder.layer
        self.frozen = (self.transformer.embeddings, *layers[: len(layers) - tuned])
        for module in self.frozen:
            module.requires_grad_(False)
        self.transformer.embeddings.requires_grad_(embeddings_train)
        self.width = self.transformer.config.hidden_size
        ids = torch.from_numpy(tokens.padded(limit, "oldest", "right")).long()
        mask = torch.arange(limit) < torch.from_numpy(tokens.lengths)[:, None]
        self.places = Places(tokens.offsets, limit)  # by whose lengths a recommender sorts
        self.register_buffer("ids", ids, persistent=False)
        self.register_buffer("mask", mask, persistent=False)

    def train(self, mode: bool = True) -> "WholeTransformer":
        super().train(mode)
        for module in self.frozen:
            module.eval()
        return self

    def forward(self, articles: Tensor) -> tuple[Tensor, Tensor]:
        ids, mask = self.ids[articles], self.mask[articles]
        return self.transformer(ids, attention_mask=mask.long()).last_hidden_state, mask


def scores_of(model: Recommender, batch: Batch) -> Tensor:
    """Scores (b, 1 + K) of a recommender over `WholeTransformer`s."""
    candidates = [model.encode_news(articles) for articles in batch.candidates.T]
    clicked = [model.encode_news(articles) for articles in batch.clicked.T]
    user = user_vectors(
        model, torch.stack(clicked, dim=1), batch.clicked > 0, batch.users
    )  # (b, w)
    return torch.stack([(vectors * user).sum(dim=1) for vectors in candidates], dim=1)


def loss_of(model: Recommender, batch: Batch) -> Tensor:
    """Mean negative log-likelihood of the clicked article, which stands first."""
    scores = scores_of(model, batch).masked_fill(~batch.drawn, float("-inf"))
    return -scores.log_softmax(dim=1)[:, 0].mean()


def train_step(model: Recommender, optimizer: torch.optim.Optimizer, batch: Batch) -> float:
    """One step of the optimizer; returns the loss before it."""
    optimizer.zero_grad()
    loss = loss_of(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()
