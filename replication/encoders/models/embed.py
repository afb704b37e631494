"""Stage `embed`: tokenise every article for one encoder; run frozen transformers once over them.

`embeddings/<encoder>/` holds, per text field, token ids (`<field>.values.npy`, `.offsets.npy`) and
either `<field>.states.npy` (one float16 row per token, the last layer's) or, for word vectors,
`vectors.npy` (one float32 row per word id, shared by both fields). Row i is article i; row 0 is
padding.
"""

from pathlib import Path

from replication.encoders.sources.adapters import require_adapter
from replication.encoders.sources.checkpoints import checkpoint_digest
from replication.encoders.tokens import (
    FIELDS,
    LLM_POSITIONS,
    text_ids,
    token_limits,
    word_ids,
    words_of,
)
from replication.machine import environment, processes
from replication.machine.precision import resolve_precision
from replication.mind.columns.prepared import Prepared, load_prepared
from replication.mind.columns.ragged import Ragged, save_array
from replication.study import paths
from replication.study.params import Params, as_mapping, named_encoder


def embed(name: str, params: Params) -> None:
    """Write `embeddings/<name>/`; the states of a run that was cut off are not computed again.

    Several processes share the articles; the first one writes.
    Errors: `StudyError` where the checkpoint or the prepared data are missing or malformed.
    """
    encoder = named_encoder(params, name)
    data = load_prepared(paths.PREPARED)
    articles = data.articles
    texts = {field: getattr(articles, field).to_list() for field in FIELDS}
    limits = token_limits(params.text)
    checkpoint = paths.CHECKPOINTS / name
    if encoder.source == "adapted":
        require_adapter(checkpoint)
    key = None if encoder.family == "words" else _key(name, params, data)
    with processes.folder_by_first(paths.EMBEDDINGS / name, key) as folder:
        tokens = {}
        if encoder.family != "words":
            tokens = {f: text_ids(encoder, texts[f], checkpoint, limits[f]) for f in FIELDS}
            _embed_pieces(name, params, tokens, checkpoint, folder)
        elif processes.is_first():  # a table is read, and nothing computed
            tokens = _embed_words(texts, limits, checkpoint, encoder.width, folder)
        for field in tokens if processes.is_first() else ():
            tokens[field].save(folder, field)


def _key(name: str, params: Params, data: Prepared) -> str:
    return environment.result_key(
        encoder=as_mapping(params.registry[name]),
        checkpoint=checkpoint_digest(name),
        text=as_mapping(params.text),
        data=data.meta["sha256"],
        precision=resolve_precision(params.training.precision),
    )


def _embed_words(
    texts: dict[str, list[str]], limits: dict[str, int], checkpoint: Path, width: int, folder: Path
) -> dict[str, Ragged]:
    from replication.encoders.sources.words import read_vectors

    words = {word for field in FIELDS for text in texts[field] for word in words_of(text)}
    ids, table = read_vectors(checkpoint / "vectors.txt", words, width)
    save_array(folder / "vectors.npy", table)
    return {f: word_ids(texts[f], ids, limits[f], unknown=1) for f in FIELDS}


def _embed_pieces(
    name: str, params: Params, tokens: dict[str, Ragged], checkpoint: Path, folder: Path
) -> None:
    from replication.encoders.models.limits import refuse_unfit
    from replication.encoders.models.states import write_states
    from replication.encoders.sources.configs import model_config

    encoder = params.registry[name]
    precision = resolve_precision(params.training.precision)
    config = model_config(checkpoint)
    for field in FIELDS:  # before the work on any
        refuse_unfit(tokens[field], None, config, checkpoint, f"{name}: {field}s")
    for field in FIELDS:
        path = folder / f"{field}.states.npy"
        label = f"{name}: {field}s"
        last = LLM_POSITIONS if encoder.family == "causal" else None
        record = folder / f".{field}.done"
        write_states(
            path, checkpoint, encoder.layers, tokens[field], precision, label, None, last, record,
            encoder.pooling,
        )  # fmt: skip
        if last:
            tokens[field] = tokens[field].newest(1 if encoder.pooling else last)
