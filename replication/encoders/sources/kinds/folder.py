"""Source `folder`: a folder of the user's."""

from pathlib import Path

from replication.encoders.sources.kinds.base import Source
from replication.files.errors import StudyError
from replication.study import paths
from replication.study.encoders import Encoder


class Folder(Source):
    def require_given(self, name: str, encoder: Encoder) -> None:
        self.found(name, encoder)

    def found(self, name: str, encoder: Encoder) -> Path:
        folder = paths.given(encoder.name)
        if not folder.is_dir():
            raise StudyError(
                f"encoders.{name}.name: {encoder.name} is not a folder{paths.where(folder)}"
            )
        return folder
