"""Word vectors in GloVe's text format: a table, frozen or tuned, which all text fields share."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from replication.encoders.families.base import Family
from replication.encoders.tokens import FIELDS, token_limits, word_ids, words_of
from replication.files.errors import StudyError
from replication.machine import processes
from replication.mind.columns.ragged import Ragged, save_array
from replication.study import paths
from replication.study.encoders import Encoder
from replication.study.settings import Params

if TYPE_CHECKING:
    from torch import nn


class Words(Family):
    """A checkpoint is `vectors.txt`; embedded, it is `vectors.npy`, the rows of the corpus."""

    head = "word"

    def place(self, name: str, encoder: Encoder, source: Path, folder: Path) -> None:
        if not (source / "vectors.txt").is_file():
            raise StudyError(f"encoders.{name}: {source} holds no vectors.txt (GloVe's format)")
        shutil.copyfile(source / "vectors.txt", folder / "vectors.txt")

    def embed(
        self, name: str, params: Params, texts: dict[str, list[str]], folder: Path
    ) -> dict[str, Ragged]:
        from replication.encoders.sources.words import read_vectors

        if not processes.is_first():  # a table is read, and nothing computed
            return {}
        limits, width = token_limits(params.text), params.registry[name].width
        words = {word for field in FIELDS for text in texts[field] for word in words_of(text)}
        ids, table = read_vectors(paths.CHECKPOINTS / name / "vectors.txt", words, width)
        save_array(folder / "vectors.npy", table)
        return {f: word_ids(texts[f], ids, limits[f], unknown=1) for f in FIELDS}

    def text(self, params: Params, fields: tuple[str, ...]) -> nn.ModuleDict:
        import torch
        from torch import nn

        from replication.encoders.models.text import (
            Places,
            WordVectors,
            embedded_array,
            embedded_tokens,
        )
        from replication.encoders.models.words import own_rows
        from replication.mind.columns.prepared import load_prepared

        name, masked = params.encoder, params.protocol.attention_masks
        folder, limits = paths.EMBEDDINGS / name, token_limits(params.text)
        vectors = torch.tensor(embedded_array(folder / "vectors.npy", name))
        frozen = params.tuning == "frozen"
        tokens = {field: embedded_tokens(folder, field, name) for field in fields}
        ids = {field: ragged.values for field, ragged in tokens.items()}
        if params.protocol.unknown_words == "own_rows":
            articles = load_prepared(paths.PREPARED).articles
            texts = {field: getattr(articles, field).to_list() for field in FIELDS}
            ids, vectors = own_rows(tokens, texts, articles.in_train, vectors, not frozen)
        table = nn.Embedding.from_pretrained(vectors, freeze=frozen, padding_idx=0)
        modules = nn.ModuleDict()
        for field in fields:
            places = Places(tokens[field].offsets, None if masked else limits[field])
            modules[field] = WordVectors(table, ids[field], places, masked)
        return modules
