"""Source `package`: a folder of an installed Python package, as `package/folder/inside`."""

from pathlib import Path

from replication.encoders.sources.kinds.base import Source
from replication.study.encoders import Encoder


class Package(Source):
    def packages(self, encoder: Encoder) -> tuple[str, ...]:
        return (encoder.name.partition("/")[0],)

    def found(self, name: str, encoder: Encoder) -> Path:
        from replication.encoders.sources.checkpoints import package_folder

        return package_folder(name, encoder.name)
