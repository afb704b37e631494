"""Causal language models: the last positions of a text in a prompt; frozen, or tuned by LoRA, in
a recommender or before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replication.encoders.families.transformer import Transformer, tuned_text
from replication.encoders.tokens import (
    LLM_POSITIONS,
    PROMPT,
    text_ids,
    token_limits,
    truncated_ids,
)
from replication.study import paths
from replication.study.settings import Params

if TYPE_CHECKING:
    from torch import nn

    from replication.encoders.models.text import StoredVectors, TunedTransformer


class Causal(Transformer):
    """Where two text fields are read, each gives half of the positions, as released."""

    layer = 13  # of Llama
    rows = 128_256
    head = "token"
    by_lora = True
    positions = LLM_POSITIONS
    half = True

    def text(self, params: Params, fields: tuple[str, ...]) -> nn.ModuleDict:
        from torch import nn

        last = LLM_POSITIONS // 2 if len(fields) > 1 else LLM_POSITIONS
        last = last if params.registry[params.encoder].pooling is None else 1
        one = _last_positions if params.tuning == "frozen" else _tuned
        return nn.ModuleDict({field: one(params, field, last) for field in fields})


def _tuned(params: Params, field: str, last: int) -> TunedTransformer:
    """Its layers read the whole prompted text, which stage `embed` does not keep."""
    from replication.mind.columns.prepared import load_prepared

    name = params.encoder
    texts = getattr(load_prepared(paths.PREPARED).articles, field).to_list()
    limit = token_limits(params.text)[field]
    tokens = text_ids(params.registry[name], field, texts, paths.CHECKPOINTS / name, limit)
    return tuned_text(params, field, tokens, None, last)


def _last_positions(params: Params, field: str, last: int) -> StoredVectors:
    """The last positions of each prompted text: of stage `embed`, or, with the prompt cut as
    released (D8), computed when first wanted."""
    import numpy as np

    from replication.encoders.models.states import cached_states
    from replication.encoders.models.text import (
        Places,
        StoredVectors,
        embedded_array,
        embedded_tokens,
    )
    from replication.machine.precision import resolve_precision
    from replication.mind.columns.prepared import load_prepared

    protocol, name = params.protocol, params.encoder
    folder = paths.EMBEDDINGS / name
    if protocol.prompt == "kept":
        states = embedded_array(folder / f"{field}.states.npy", name)
        offsets = embedded_tokens(folder, field, name).offsets
    else:
        checkpoint, limit = paths.CHECKPOINTS / name, token_limits(params.text)[field]
        texts = getattr(load_prepared(paths.PREPARED).articles, field).to_list()
        encoder = params.registry[name]
        kept = 1 if encoder.pooling else min(LLM_POSITIONS, limit)
        tokens, padding = truncated_ids(texts, checkpoint, limit, encoder.prompt or PROMPT, kept)
        states = cached_states(
            checkpoint,
            encoder.layers,
            tokens,
            None,
            resolve_precision(params.training.precision),
            f"{name}: {field}s with the prompt cut",
            kept,
            encoder.pooling,
            padding=padding,
            held=encoder.held,
        )
        offsets, last = np.arange(len(tokens) + 1) * kept, min(last, kept)
    masked = protocol.attention_masks
    return StoredVectors(states, Places(offsets, None if masked else last, last), masked)
