"""Source `glove`: the pinned archive, from its server or, where `name` is a path, from disk."""

from replication.encoders.sources.kinds.base import Source
from replication.study import paths


class Glove(Source):
    fetched = True
    size = 2_176_768_927  # of the archive

    def found(self, name, encoder):
        return None  # glove.py checks the archive as it reads it

    def write(self, name, encoder, source, folder):
        from replication.encoders.sources.glove import glove_rows

        glove_rows(name, encoder, paths.PREPARED, folder / "vectors.txt")
