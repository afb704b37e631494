"""BERT-like encoders: every position of a text; frozen, or with the top layers trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from replication.encoders.families.base import Family
from replication.encoders.tokens import FIELDS, text_ids, token_limits
from replication.mind.columns.ragged import Ragged
from replication.study import paths
from replication.study.encoders import Encoder
from replication.study.settings import Params

if TYPE_CHECKING:
    import numpy as np
    from torch import nn
    from transformers import PreTrainedModel

    from replication.encoders.models.text import StoredVectors, TunedTransformer


class Transformer(Family):
    """Frozen, its last hidden states are read from disk. Tuned, each text field has a copy of the
    top layers (as the release has for NAML)."""

    layer = 12  # of BERT
    rows = 30_522
    schedule: ClassVar[str] = "tuned_layers"
    head = "cls"

    def place(self, name: str, encoder: Encoder, source: Path, folder: Path) -> None:
        from replication.encoders.sources.checkpoints import place_files

        place_files(name, encoder, source, folder)

    def embed(
        self, name: str, params: Params, texts: dict[str, list[str]], folder: Path
    ) -> dict[str, Ragged]:
        from replication.encoders.models.limits import refuse_unfit
        from replication.encoders.models.states import write_states
        from replication.encoders.sources.configs import model_config
        from replication.machine.precision import resolve_precision

        encoder, checkpoint = params.registry[name], paths.CHECKPOINTS / name
        limits, last = token_limits(params.text), self.positions
        tokens = {f: text_ids(encoder, f, texts[f], checkpoint, limits[f]) for f in FIELDS}
        precision = resolve_precision(params.training.precision)
        config = model_config(checkpoint)
        for field in FIELDS:  # before the work on any
            refuse_unfit(tokens[field], None, config, checkpoint, f"{name}: {field}s")
        for field in FIELDS:
            path, record = folder / f"{field}.states.npy", folder / f".{field}.done"
            write_states(
                path, checkpoint, encoder.layers, tokens[field], precision, f"{name}: {field}s",
                None, last, record, encoder.pooling, held=encoder.held,
            )  # fmt: skip
            if last:
                tokens[field] = tokens[field].newest(1 if encoder.pooling else last)
        return tokens

    def text(self, params: Params, fields: tuple[str, ...]) -> nn.ModuleDict:
        from torch import nn

        one = _frozen if params.tuning == "frozen" else _tuned
        return nn.ModuleDict({field: one(params, field) for field in fields})


def _given(params: Params, field: str) -> tuple[str, Ragged, int | None]:
    """The name of the encoder, its tokens of one field, and the length of a text or None."""
    from replication.encoders.models.text import embedded_tokens

    name = params.encoder
    tokens = embedded_tokens(paths.EMBEDDINGS / name, field, name)
    masked = params.protocol.attention_masks
    return name, tokens, None if masked else token_limits(params.text)[field]


def _lowered(params: Params, field: str) -> Ragged:
    """The tokens of one field in lower case, as the release reads it for fine-tuning (D17)."""
    from replication.mind.columns.prepared import load_prepared

    articles = load_prepared(paths.PREPARED).articles
    texts = [text.lower() for text in getattr(articles, field)]
    encoder, limit = params.registry[params.encoder], token_limits(params.text)[field]
    return text_ids(encoder, field, texts, paths.CHECKPOINTS / params.encoder, limit)


def _states(
    params: Params, field: str, depth: int, tokens: Ragged, length: int | None, ends: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Hidden states below the cut, and where each article's stand: (articles + 1,) int64.

    ends: as in `models.states.load_transformer`
    """
    import numpy as np

    from replication.encoders.models.states import cached_states
    from replication.machine.precision import resolve_precision

    checkpoint = paths.CHECKPOINTS / params.encoder
    label = f"{params.encoder}: {field}s below the cut"
    precision = resolve_precision(params.training.precision)
    states = cached_states(checkpoint, depth, tokens, length, precision, label, ends=ends)
    return states, np.arange(len(tokens) + 1) * length if length else tokens.offsets


def _frozen(params: Params, field: str) -> StoredVectors:
    import numpy as np

    from replication.encoders.models.text import Places, StoredVectors, embedded_array

    name, tokens, length = _given(params, field)
    encoder, masked = params.registry[name], length is None
    if encoder.pooling is not None:  # of a text's own tokens, with or without masks
        states = embedded_array(paths.EMBEDDINGS / name / f"{field}.states.npy", name)
        offsets, length = np.arange(len(tokens) + 1), 1
    elif masked:
        path = paths.EMBEDDINGS / name / f"{field}.states.npy"
        states, offsets = embedded_array(path, name), tokens.offsets
    else:
        states, offsets = _states(params, field, encoder.layers, tokens, length)
    return StoredVectors(states, Places(offsets, length), masked)


def _tuned(params: Params, field: str) -> TunedTransformer:
    _, tokens, length = _given(params, field)
    if params.protocol.letter_case == "lowered":
        tokens = _lowered(params, field)
    return tuned_text(params, field, tokens, length)


def tuned_text(
    params: Params, field: str, tokens: Ragged, length: int | None, last: int | None = None
) -> TunedTransformer:
    """The encoder of the experiment at hand, parts of which train, over one field.

    tokens  ids of each article, int32; length: padded to so many. last: as in `TunedTransformer`
    """
    from replication.encoders.models.layouts import reading_states
    from replication.encoders.models.states import load_transformer
    from replication.encoders.models.text import Places, StoredVectors, TunedTransformer
    from replication.encoders.models.tuned_parts import tune

    name, protocol = params.encoder, params.protocol
    checkpoint = paths.CHECKPOINTS / name
    layers, masked = params.registry[name].layers, protocol.attention_masks
    depth = params.cut
    top = reading_states(load_transformer(checkpoint, layers, depth))
    tune(top, params.tuned_parts, params.finetune_layers, params.lora)
    ends = depth == layers
    below: StoredVectors | PreTrainedModel
    if protocol.frozen_dropout or protocol.tune_embeddings:
        below = load_transformer(checkpoint, depth, ends=ends).requires_grad_(False)
        below.embeddings.requires_grad_(protocol.tune_embeddings)
    else:
        states, offsets = _states(params, field, depth, tokens, length, ends)
        below = StoredVectors(states, Places(offsets, length), masked, blank=False)
    places = Places(tokens.offsets, length)
    return TunedTransformer(
        top, below, places, tokens.values, masked, protocol.frozen_dropout,
        params.registry[name].pooling, last,
    )  # fmt: skip
