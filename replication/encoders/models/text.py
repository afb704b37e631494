"""Text encoders as modules: article ids -> token vectors (n, t, d) and mask (n, t) or None.

Three kinds serve the families that there are: vectors on disk (frozen transformers, LLMs), a table
of word vectors (frozen or tuned) and a transformer whose top layers train. A mask of None means
that padding takes part (deviation D4); every article then has the same number of positions.
"""

import mmap
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from replication.encoders.families.base import Family
from replication.encoders.models.layouts import layers_of
from replication.encoders.models.pooling import newest, pooled
from replication.encoders.models.tuned_parts import idle_layers, published
from replication.encoders.tokens import GPU_SHARE
from replication.files.errors import StudyError
from replication.machine.gpu import free_memory
from replication.mind.columns.ragged import Ragged, load_array
from replication.study.params import Params
from replication.study.registry import FAMILIES

if TYPE_CHECKING:
    from transformers import PreTrainedModel

READ_AT_ONCE = 4 << 20  # bytes of stored vectors
MAPPED = 256 << 20  # bytes of a file that may stay mapped into memory
COPIED_AT_ONCE = 256 << 20  # bytes of them


class Places(nn.Module):
    """Where the tokens of articles stand in a flat array.

    offsets  (articles + 1,) int64
    length   fixed number of positions, or None: as many as the longest article asked for has
    last     read only the last so many tokens of each article
    """

    starts: Tensor
    lengths: Tensor

    def __init__(self, offsets: np.ndarray, length: int | None = None, last: int | None = None):
        super().__init__()
        starts, ends = torch.tensor(offsets[:-1]), torch.tensor(offsets[1:])
        if last is not None:
            starts = torch.maximum(starts, ends - last)
        self.register_buffer("starts", starts, persistent=False)
        self.register_buffer("lengths", ends - starts, persistent=False)
        self.length = length

    def forward(self, articles: Tensor) -> tuple[Tensor, Tensor]:
        """(n,) -> flat places (n, t), 0 where there is no token, and the mask (n, t) bool."""
        lengths = self.lengths[articles].unsqueeze(1)  # (n, 1)
        width = self.length or int(lengths.max())
        steps = torch.arange(width, device=lengths.device)
        mask = steps < lengths
        return torch.where(mask, self.starts[articles].unsqueeze(1) + steps, 0), mask


class StoredVectors(nn.Module):
    """Token vectors computed before training and memory-mapped: no parameters.

    `blank` makes the padding article all zeros, as the release stores it.
    """

    def __init__(self, states: np.ndarray, places: Places, masked: bool, blank: bool = True):
        super().__init__()
        self.states = states  # (positions, d) float16, not a buffer: it may exceed memory
        self.places = places
        self.width = states.shape[1]
        self.masked = masked
        self.blank = blank
        self.copied: Tensor | None = None  # on a GPU
        self.too_large = False

    def forward(
        self, articles: Tensor, dtype: torch.dtype | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """In `dtype`, or the one that is computed in: autocast's, else float32."""
        where, mask = self.places(articles)
        empty = ~(mask & (articles > 0).unsqueeze(1)) if self.blank else ~mask
        kind = articles.device.type
        if dtype is None:
            autocast = torch.is_autocast_enabled(kind)
            dtype = torch.get_autocast_dtype(kind) if autocast else torch.float32
        if (here := self._on_gpu(articles.device)) is not None:
            vectors = here[where].to(dtype).masked_fill_(empty.unsqueeze(2), 0)
            return vectors, (mask if self.masked else None)
        vectors = torch.empty(*where.shape, self.width, dtype=dtype)  # (n, t, d)
        # Converted piece by piece, so that no second copy of a batch is ever there.
        size = max(1, READ_AT_ONCE // (where.shape[1] * self.states[:1].nbytes))
        read = np.empty((size, *where.shape[1:], self.width), self.states.dtype)
        for some, rows in zip(vectors.split(size), where.cpu().split(size), strict=True):
            found = np.take(self.states, rows.numpy(), axis=0, out=read[: len(rows)], mode="clip")
            some.copy_(torch.from_numpy(found))
            self._let_go()
        vectors[empty.cpu()] = 0
        return vectors.to(articles.device), (mask if self.masked else None)

    def _on_gpu(self, device: torch.device) -> Tensor | None:
        """All vectors (positions, d) on a GPU that has the room for them, else None.

        A step over the vectors of an LLM then reads them a hundred times faster than from disk.
        """
        if device.type != "cuda":
            return None
        if self.copied is None and not self.too_large:
            self.too_large = self.states.nbytes > GPU_SHARE * free_memory(device)
            if not self.too_large:
                self.copied = torch.empty(self.states.shape, dtype=torch.float16, device=device)
                rows = max(1, COPIED_AT_ONCE // self.states[:1].nbytes)
                for start in range(0, len(self.states), rows):
                    some = np.array(self.states[start : start + rows])
                    self.copied[start : start + rows] = torch.from_numpy(some)
                    self._let_go()
        return self.copied

    def _let_go(self) -> None:
        """Of a large file, keep no page mapped: what was read stays in the system's own cache."""
        mapped = self.states.base
        if isinstance(mapped, mmap.mmap) and self.states.nbytes > MAPPED:
            mapped.madvise(mmap.MADV_DONTNEED)


class WordVectors(nn.Module):
    """Word ids through a table of word vectors, whose row 0 (padding) stays zero."""

    ids: Tensor

    def __init__(self, table: nn.Embedding, ids: np.ndarray, places: Places, masked: bool):
        super().__init__()
        self.table = table
        self.register_buffer("ids", torch.tensor(ids, dtype=torch.int64), persistent=False)
        self.places = places
        self.width = table.embedding_dim
        self.masked = masked

    def forward(self, articles: Tensor) -> tuple[Tensor, Tensor | None]:
        where, mask = self.places(articles)
        x = self.table(self.ids[where] * mask)  # (n, t, d)
        return x, (mask if self.masked else None)


class TunedTransformer(nn.Module):
    """Parts of a transformer's layers train; what lies below the lowest of them does not.

    top      the layers above that cut, a Hugging Face model without its embedding table
    below    hidden states below the cut: read from disk, for they are the same at every step when
             frozen layers are free of dropout; or, under D5 (dropout in frozen layers) and D6 (the
             embedding table trains), the lower model itself, run on token ids
    places   where the `tokens` (positions,) of each article stand
    pooling  one vector for each article: (n, 1, d); None: those of all tokens
    last     of which the last so many are given: (n, last, d); None: all of them
    """

    tokens: Tensor

    def __init__(
        self,
        top: "PreTrainedModel",
        below: "StoredVectors | PreTrainedModel",
        places: Places,
        tokens: np.ndarray,
        masked: bool,
        frozen_dropout: bool,
        pooling: str | None = None,
        last: int | None = None,
    ):
        super().__init__()
        self.pooling = pooling
        self.last = last
        self.top = top
        self.below = below
        self.places = places
        self.register_buffer("tokens", torch.tensor(tokens, dtype=torch.int64), persistent=False)
        self.width = top.config.hidden_size
        self.format = next((p.dtype for p in published(top)), torch.float32)
        self.masked = masked
        self.frozen_dropout = frozen_dropout

    def train(self, mode: bool = True) -> "TunedTransformer":
        super().train(mode)
        self.below.train(mode and self.frozen_dropout)
        for layer in idle_layers(self.top):
            layer.train(mode and self.frozen_dropout)
        return self

    def forward(self, articles: Tensor) -> tuple[Tensor, Tensor | None]:
        where, mask = self.places(articles)
        if isinstance(self.below, StoredVectors):
            x = self.below(articles, self.format)[0]
        else:
            pad = self.below.config.pad_token_id or 0
            ids = torch.where(mask, self.tokens[where], pad)
            x = self.below(ids, attention_mask=mask.long()).last_hidden_state
        if len(layers_of(self.top)):
            x = self.top(inputs_embeds=x, attention_mask=mask.long()).last_hidden_state
        if self.format != torch.float32:  # of weights on a GPU, which what reads them has not
            x = x.float()
        if self.pooling is not None:
            x, mask = pooled(x, mask, self.pooling).unsqueeze(1), mask[:, :1]
        elif self.last is not None:
            x, mask = newest(x, mask, self.last)
        return x, (mask if self.masked else None)


def build_text(params: Params, fields: Iterable[str]) -> nn.ModuleDict:
    """The text encoder of the experiment at hand: one module per text field.

    Errors: `StudyError` naming a file of the stages before that is missing, and the stage to run.
    """
    encoder = params.registry[params.encoder]
    family: Family = FAMILIES[encoder.family]
    return family.text(params, tuple(fields))


def embedded_tokens(folder: Path, field: str, name: str) -> Ragged:
    """Token ids, int32, of one field of all articles, written by stage `embed` for encoder `name`.

    Errors: `StudyError` where they are missing or damaged, naming the stage to run.
    """
    try:
        return Ragged.load(folder, field)
    except StudyError as error:
        raise StudyError(f"{error}; run `dvc repro embed@{name}`") from None


def embedded_array(path: Path, name: str) -> np.ndarray:
    """An array of stage `embed`, memory-mapped. Errors: as `embedded_tokens`."""
    try:
        return load_array(path)
    except StudyError as error:
        raise StudyError(f"{error}; run `dvc repro embed@{name}`") from None
