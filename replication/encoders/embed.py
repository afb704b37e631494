"""Stage `embed`: tokenise every article for one encoder; run frozen transformers once over them.

`embeddings/<encoder>/` holds, per text field, token ids (`<field>.values.npy`, `.offsets.npy`) and
either `<field>.states.npy` (one float16 row per token, the last layer's) or, for word vectors,
`vectors.npy` (one float32 row per word id, shared by both fields). Row i is article i; row 0 is
padding.
"""

from pathlib import Path

import numpy as np

from replication import paths
from replication.atomic import new_folder
from replication.encoders.adapters import require_adapter
from replication.encoders.tokens import (
    FIELDS,
    LLM_POSITIONS,
    piece_ids,
    prompted_ids,
    token_limits,
    word_ids,
    words_of,
)
from replication.mind.prepared import load_prepared
from replication.mind.ragged import Ragged
from replication.params import Params, named_encoder


def embed(name: str, params: Params) -> None:
    """Write `embeddings/<name>/`.

    Errors: `StudyError` where the checkpoint or the prepared data are missing or malformed.
    """
    encoder = named_encoder(params, name)
    articles = load_prepared(paths.PREPARED).articles
    texts = {field: getattr(articles, field).to_list() for field in FIELDS}
    limits = token_limits(params.text)
    checkpoint = paths.CHECKPOINTS / name
    if encoder.source == "adapted":
        require_adapter(checkpoint)
    with new_folder(paths.EMBEDDINGS / name) as folder:
        if encoder.family == "words":
            tokens = _embed_words(texts, limits, checkpoint, encoder.width, folder)
        else:
            ids = prompted_ids if encoder.family == "causal" else piece_ids
            tokens = {f: ids(texts[f], checkpoint, limits[f]) for f in FIELDS}
            _embed_pieces(name, params, tokens, checkpoint, folder)
        for field in FIELDS:
            tokens[field].save(folder, field)


def _embed_words(
    texts: dict[str, list[str]], limits: dict[str, int], checkpoint: Path, width: int, folder: Path
) -> dict[str, Ragged]:
    from replication.encoders.words import read_vectors

    words = {word for field in FIELDS for text in texts[field] for word in words_of(text)}
    ids, table = read_vectors(checkpoint / "vectors.txt", words, width)
    np.save(folder / "vectors.npy", table, allow_pickle=False)
    return {f: word_ids(texts[f], ids, limits[f], unknown=1) for f in FIELDS}


def _embed_pieces(
    name: str, params: Params, tokens: dict[str, Ragged], checkpoint: Path, folder: Path
) -> None:
    from replication.encoders.precision import resolve_precision
    from replication.encoders.states import write_states

    encoder = params.registry[name]
    precision = resolve_precision(params.training.precision)
    for field in FIELDS:
        path = folder / f"{field}.states.npy"
        label = f"{name}: {field}s"
        last = LLM_POSITIONS if encoder.family == "causal" else None
        write_states(path, checkpoint, encoder.layers, tokens[field], precision, label, last=last)
        if last:
            tokens[field] = tokens[field].newest(last)
