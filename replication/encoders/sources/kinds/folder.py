"""Source `folder`: a folder of the user's."""

from pathlib import Path

from replication.encoders.sources.kinds.base import Source
from replication.files.errors import StudyError
from replication.study.encoders import Encoder


class Folder(Source):
    def found(self, name: str, encoder: Encoder) -> Path:
        if not Path(encoder.name).is_dir():
            raise StudyError(f"encoders.{name}.name: {encoder.name} is not a folder")
        return Path(encoder.name)
