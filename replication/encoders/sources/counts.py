"""Parameters of a checkpoint on disk, counted from the headers of its files."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

from replication.encoders.architectures import architecture
from replication.encoders.sources.tensors import opened
from replication.files.listing import files_in

# Names of the tables that have a row for each token of the vocabulary.
_TABLE = re.compile(r"(^|\.)(word_embeddings|embed_tokens|tok_embeddings|wte)\.weight$")


@dataclass(frozen=True)
class WeightCounts:
    """Parameters of an encoder as it is used here: without heads of pre-training and poolers.

    total  of all; layers: of the layers; tables: of the embeddings of tokens
    """

    total: int
    layers: int
    tables: int


def weight_counts(checkpoint: Path, layers: int) -> WeightCounts:
    """Those of a checkpoint's first `layers` layers, its embeddings and its last norm.

    Layers that share weights are counted once.
    Errors: `StudyError` where a file is damaged or the architecture is not accepted.
    """
    parts = architecture(checkpoint)
    sizes: dict[str, int] = {}
    for path in files_in(checkpoint, "*.safetensors"):
        with opened(path) as tensors:
            names = tensors.keys()
            sizes |= {k: math.prod(tensors.get_slice(k).get_shape()) for k in names}
    total = of_layers = tables = 0
    for name in parts.counted(list(sizes)):
        layer = parts.layer_of(name)
        if layer is not None and not parts.shared and layer >= layers:
            continue
        total += sizes[name]
        of_layers += sizes[name] if layer is not None else 0
        tables += sizes[name] if _TABLE.search(name) else 0
    return WeightCounts(total, of_layers, tables)
