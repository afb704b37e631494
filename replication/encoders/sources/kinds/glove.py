"""Source `glove`: the pinned archive, from its server or, where `name` is a path, from disk."""

from pathlib import Path

from replication.encoders.sources.kinds.base import Source
from replication.study import paths
from replication.study.encoders import Encoder


class Glove(Source):
    fetched = True
    size = 2_176_768_927  # of the archive

    def found(self, name: str, encoder: Encoder) -> None:
        return None  # glove.py checks the archive as it reads it

    def write(self, name: str, encoder: Encoder, source: Path | None, folder: Path) -> None:
        from replication.encoders.sources.glove import glove_rows

        glove_rows(name, encoder, paths.PREPARED, folder / "vectors.txt")
