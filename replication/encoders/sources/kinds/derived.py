"""Source `derived`: word vectors made of the table of a model in an installed package."""

from pathlib import Path

from replication.encoders.sources.kinds.package import Package
from replication.study.encoders import Encoder


class Derived(Package):
    def write(self, name: str, encoder: Encoder, source: Path | None, folder: Path) -> None:
        from replication.encoders.sources.words import derive_vectors

        assert source is not None  # a package has a folder
        derive_vectors(source, encoder.width, folder / "vectors.txt")
