"""Source `hub`: a repository of the Hugging Face hub at a pinned commit."""

from pathlib import Path

from replication.encoders.sources.kinds.base import Source
from replication.study.encoders import Encoder


class Hub(Source):
    fetched = True

    def found(self, name: str, encoder: Encoder) -> Path:
        from replication.encoders.sources.checkpoints import download

        return download(name, encoder)
