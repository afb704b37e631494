"""NAML (Wu et al., IJCAI 2019): attention over four views of an article, then over clicks."""

import torch
from torch import Tensor, nn

from replication.recommenders.attention import AdditiveAttention, ConvolutionReader
from replication.recommenders.base import Recommender, Sizes


class NAML(Recommender):
    """Reads title, abstract, category and subcategory; its vectors are `filters` wide."""

    def build(self, sizes: Sizes, users: int) -> int:
        filters = sizes.filters
        self.readers = nn.ModuleDict(
            {
                field: ConvolutionReader(
                    self.token_width, filters, sizes.window, sizes.query, sizes.dropout
                )
                for field in self.fields
            }
        )
        # One table for categories and subcategories, a projection for each (as released).
        self.label_embedding = nn.Embedding(self.label_count + 1, sizes.category, padding_idx=0)
        self.label_linear = nn.ModuleList(nn.Linear(sizes.category, filters) for _ in range(2))
        self.view_pool = AdditiveAttention(filters, sizes.query)
        self.click_pool = AdditiveAttention(filters, sizes.query)
        return filters

    def encode_news(self, articles: Tensor) -> Tensor:
        views = [self.read_text(f, articles, self.readers[f]) for f in self.fields]
        labels = self.label_embedding(self.labels[articles])  # (n, 2, category)
        views += [torch.relu(linear(labels[:, i])) for i, linear in enumerate(self.label_linear)]
        return self.view_pool(torch.stack(views, dim=1))  # (n, 4, filters) -> (n, filters)

    def click_features(self, vectors: Tensor) -> Tensor:
        return torch.cat([vectors, self.click_pool.scores(vectors).unsqueeze(1)], dim=1)

    def read_user(
        self, clicked: Tensor, mask: Tensor | None, lengths: Tensor, users: Tensor
    ) -> Tensor:
        vectors, scores = clicked.split([self.width, 1], dim=2)
        return self.click_pool.pool(vectors, scores.squeeze(2), mask)
