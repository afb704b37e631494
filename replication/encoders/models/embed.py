"""Stage `embed`: tokenise every article for one encoder; run frozen transformers once over them.

`embeddings/<encoder>/` holds, per text field, token ids (`<field>.values.npy`, `.offsets.npy`) and
either `<field>.states.npy` (one float16 row per token, the last layer's) or, for word vectors,
`vectors.npy` (one float32 row per word id, shared by both fields). Row i is article i; row 0 is
padding.
"""

from replication.encoders.families.base import Family
from replication.encoders.models.making import save_embedding_cost, taken
from replication.encoders.sources.checkpoints import checkpoint_digest
from replication.encoders.sources.kinds.base import Source
from replication.encoders.tokens import FIELDS
from replication.machine import environment, processes
from replication.machine.precision import resolve_precision
from replication.mind.columns.prepared import Prepared, load_prepared
from replication.study import paths
from replication.study.params import Params, as_mapping, named_encoder
from replication.study.registry import FAMILIES, SOURCES


def embed(name: str, params: Params) -> None:
    """Write `embeddings/<name>/`, and what it took to reports/embeddings/<name>.json.

    The states of a run that was cut off are not computed again, and their seconds count.
    Several processes share the articles; the first one writes.
    Errors: `StudyError` where the checkpoint or the prepared data are missing or malformed.
    """
    encoder = named_encoder(params, name)
    data = load_prepared(paths.PREPARED)
    texts = {field: getattr(data.articles, field).to_list() for field in FIELDS}
    source: Source = SOURCES[encoder.source]
    source.require(paths.CHECKPOINTS / name)
    family: Family = FAMILIES[encoder.family]
    key = _key(name, params, data) if family.layer else None  # a table is not computed
    folder_of = processes.folder_by_first(paths.EMBEDDINGS / name, key)
    with taken(len(data.articles)) as found, folder_of as folder:
        tokens = family.embed(name, params, texts, folder)
        for field in tokens if processes.is_first() else ():
            tokens[field].save(folder, field)
    save_embedding_cost(name, found)


def _key(name: str, params: Params, data: Prepared) -> str:
    return environment.result_key(
        environment.ENCODERS,
        encoder=as_mapping(params.registry[name]),
        checkpoint=checkpoint_digest(name),
        text=as_mapping(params.text),
        data=data.meta["sha256"],
        precision=resolve_precision(params.training.precision),
    )
