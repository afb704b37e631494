"""Source `adapted`: an LLM adapted to clicks by LoRA, which is made by a stage of its own."""

from replication.encoders.sources.kinds.base import Source
from replication.files.errors import StudyError


class Adapted(Source):
    def found(self, name, encoder):
        raise StudyError(f"encoders: {name} is an adapter; run `dvc repro adapt@{name}`")

    def require(self, checkpoint):
        from replication.encoders.sources.adapters import require_adapter

        require_adapter(checkpoint)
