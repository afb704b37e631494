"""Source `pretrained`: a small causal model trained here on the text of the corpus."""

from pathlib import Path

from replication.encoders.sources.kinds.base import Source
from replication.files.errors import StudyError
from replication.study import paths
from replication.study.encoders import Encoder


class Pretrained(Source):
    trains = True

    def check(self, key: str, encoder: Encoder) -> None:
        if encoder.pretraining is None:
            raise StudyError(f"{key}.pretraining: is missing")
        heads, groups = encoder.pretraining.heads, encoder.pretraining.key_value_heads
        if encoder.width % heads or encoder.width // heads % 2:  # rotary positions come in pairs
            raise StudyError(
                f"{key}.pretraining.heads: {heads} is not accepted; accepted: a number that "
                f"divides width = {encoder.width} into even parts"
            )
        if heads % groups:
            raise StudyError(
                f"{key}.pretraining.key_value_heads: {groups} is not accepted; accepted: a "
                f"divisor of heads = {heads}"
            )

    def found(self, name: str, encoder: Encoder) -> Path | None:
        """The model whose word vectors it starts from, if any."""
        from replication.encoders.sources.checkpoints import package_folder

        assert encoder.pretraining is not None  # `check` has seen to it
        start = encoder.pretraining.word_vectors
        return package_folder(name, start) if start else None

    def write(self, name: str, encoder: Encoder, source: Path | None, folder: Path) -> None:
        from replication.encoders.sources.pretraining import pretrain

        pretrain(encoder, paths.PREPARED, folder, source)
