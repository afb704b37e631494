"""BERT-like encoders: every position of a text; frozen, or with the top layers trained."""

from replication.encoders.families.base import Family
from replication.encoders.tokens import FIELDS, piece_ids, token_limits
from replication.study import paths


class Transformer(Family):
    """Frozen, its last hidden states are read from disk. Tuned, each text field has a copy of the
    top layers (as the release has for NAML)."""

    layer = 12  # of BERT
    rows = 30_522
    schedule = "tuned_layers"
    head = "cls"

    def ids(self, texts, checkpoint, limit):
        """Token ids of each text, int32."""
        return piece_ids(texts, checkpoint, limit)

    def place(self, name, encoder, source, folder):
        from replication.encoders.sources.checkpoints import _copy

        _copy(name, encoder, source, folder)

    def embed(self, name, params, texts, folder):
        from replication.encoders.models.states import write_states
        from replication.machine.precision import resolve_precision

        layers, checkpoint = params.registry[name].layers, paths.CHECKPOINTS / name
        limits, last = token_limits(params.text), self.positions
        tokens = {f: self.ids(texts[f], checkpoint, limits[f]) for f in FIELDS}
        precision = resolve_precision(params.training.precision)
        for field in FIELDS:
            path, record = folder / f"{field}.states.npy", folder / f".{field}.done"
            label = f"{name}: {field}s"
            write_states(
                path, checkpoint, layers, tokens[field], precision, label, None, last, record
            )
            if last:
                tokens[field] = tokens[field].newest(last)
        return tokens

    def text(self, params, fields):
        from torch import nn

        one = _frozen if params.tuning == "frozen" else _tuned
        return nn.ModuleDict({field: one(params, field) for field in fields})


def _given(params, field):
    """The name of the encoder, its tokens of one field, and the length of a text or None."""
    from replication.encoders.models.text import embedded_tokens

    name = params.encoder
    tokens = embedded_tokens(paths.EMBEDDINGS / name, field, name)
    masked = params.protocol.attention_masks
    return name, tokens, None if masked else token_limits(params.text)[field]


def _states(params, field, depth, tokens, length):
    """Hidden states below the cut, and where each article's stand: (articles + 1,) int64."""
    import numpy as np

    from replication.encoders.models.states import cached_states
    from replication.machine.precision import resolve_precision

    checkpoint, precision = paths.CHECKPOINTS / params.encoder, params.training.precision
    label = f"{params.encoder}: {field}s below the cut"
    states = cached_states(checkpoint, depth, tokens, length, resolve_precision(precision), label)
    return states, np.arange(len(tokens) + 1) * length if length else tokens.offsets


def _frozen(params, field):
    from replication.encoders.models.text import Places, StoredVectors, embedded_array

    name, tokens, length = _given(params, field)
    if length is None:
        path = paths.EMBEDDINGS / name / f"{field}.states.npy"
        states, offsets = embedded_array(path, name), tokens.offsets
    else:
        states, offsets = _states(params, field, params.registry[name].layers, tokens, length)
    return StoredVectors(states, Places(offsets, length), length is None)


def _tuned(params, field):
    from replication.encoders.models.states import load_transformer
    from replication.encoders.models.text import Given, Places, StoredVectors, TunedTransformer

    name, tokens, length = _given(params, field)
    protocol, checkpoint = params.protocol, paths.CHECKPOINTS / name
    layers, masked = params.registry[name].layers, params.protocol.attention_masks
    depth = layers - params.finetune_layers
    top = load_transformer(checkpoint, layers)
    top.embeddings = Given()
    top.encoder.layer = top.encoder.layer[depth:]
    if protocol.frozen_dropout or protocol.tune_embeddings:
        below = load_transformer(checkpoint, depth).requires_grad_(False)
        below.embeddings.requires_grad_(protocol.tune_embeddings)
    else:
        states, offsets = _states(params, field, depth, tokens, length)
        below = StoredVectors(states, Places(offsets, length), masked, blank=False)
    places = Places(tokens.offsets, length)
    return TunedTransformer(top, below, places, tokens.values, masked, protocol.frozen_dropout)
