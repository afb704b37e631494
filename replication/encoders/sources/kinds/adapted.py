"""Source `adapted`: an LLM adapted to clicks by LoRA, which is made by a stage of its own."""

from pathlib import Path
from typing import NoReturn

from replication.encoders.sources.kinds.base import Source
from replication.files.errors import StudyError
from replication.study.encoders import Encoder


class Adapted(Source):
    def found(self, name: str, encoder: Encoder) -> NoReturn:
        raise StudyError(f"encoders: {name} is an adapter; run `dvc repro adapt@{name}`")

    def require(self, checkpoint: Path) -> None:
        from replication.encoders.sources.adapters import require_adapter

        require_adapter(checkpoint)
