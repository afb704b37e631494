"""Parameters of an encoder for its estimates: of its checkpoint, where that is on this disk; and
what they take in memory."""

from functools import lru_cache
from pathlib import Path

from replication.encoders.architectures import architecture
from replication.encoders.sources.counts import weight_counts
from replication.files.errors import StudyError
from replication.study import paths
from replication.study.encoders import Encoder

# Bytes of a weight. In nf4 64 of them share a scale of four (QLoRA, 2023, section 2; the scales are
# not quantised again).
FORMATS = {"fp32": 4.0, "bf16": 2.0, "nf4": 0.5 + 4 / 64}


def bytes_held(form: str, layers: float, tables: float) -> float:
    """Of so many parameters; tables of tokens, and heads, are never held in 4 bits."""
    return FORMATS[form] * layers + max(FORMATS[form], 2.0) * tables


def counted(name: str, encoder: Encoder) -> tuple[float, float] | None:
    """Parameters of one layer and of the table of tokens, counted from the files of a checkpoint.

    None where it is not on disk, cannot be read, or holds word vectors: they are then assumed.
    """
    folder = paths.CHECKPOINTS / (encoder.name if encoder.source == "adapted" else name)
    try:
        changed = (folder / "config.json").stat().st_mtime_ns
    except OSError:
        return None
    return _counted(folder.resolve(), encoder.layers, changed)


@lru_cache
def _counted(folder: Path, layers: int, changed: int) -> tuple[float, float] | None:
    try:
        found, parts = weight_counts(folder, layers), architecture(folder)
    except (StudyError, ImportError):  # safetensors is not there where results are only shown
        return None
    if not found.layers or not found.tables:
        return None
    return found.layers / (1 if parts.shared else layers), float(found.tables)
