"""Source `folder`: a folder of the user's."""

from replication.encoders.sources.kinds.base import Source
from replication.files.errors import StudyError
from replication.study import paths


class Folder(Source):
    def found(self, name, encoder):
        folder = paths.given(encoder.name)
        if not folder.is_dir():
            raise StudyError(
                f"encoders.{name}.name: {encoder.name} is not a folder{paths.where(folder)}"
            )
        return folder
