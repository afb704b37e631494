"""What a family of language models says of itself and does; imports no torch until it works."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from replication.mind.columns.ragged import Ragged
from replication.study.encoders import Encoder
from replication.study.settings import Params

if TYPE_CHECKING:
    from torch import nn


class Family:
    """A kind of language model. As it stands here it has no layers, and its vectors are a table.

    layer      parameters of one layer, in widths squared; 0: there are no layers
    rows       of its table of token vectors, as far as a registry entry does not say
    schedule   the key under `training` by which it is fine-tuned in a recommender
    by_lora    it is fine-tuned by LoRA alone: in a recommender, or in a step of its own, to an
               encoder of its own
    head       the head of a fine-tuned one under protocol.head = by_tuning: token, word or cls
    positions  the last so many positions of a text are kept; None: all of them
    half       whether weights are of 16 bits on a GPU and in the hub's files
    """

    layer: ClassVar[int] = 0
    rows: ClassVar[int] = 60_000
    schedule: ClassVar[str] = "tuned_words"
    by_lora: ClassVar[bool] = False
    head: ClassVar[str] = "token"
    positions: ClassVar[int | None] = None
    half: ClassVar[bool] = False

    @property
    def trains_layers(self) -> bool:
        """Whether fine-tuning trains the top layers, to a depth that is chosen."""
        return bool(self.layer)

    def place(self, name: str, encoder: Encoder, source: Path, folder: Path) -> None:
        """Copy what is needed of a checkpoint in `source` to `folder`.

        Errors: `StudyError` naming what is missing, or is not what the entry `name` says.
        """
        raise NotImplementedError

    def embed(
        self, name: str, params: Params, texts: dict[str, list[str]], folder: Path
    ) -> dict[str, Ragged]:
        """Write the vectors of all articles to `folder`; return int32 token ids by text field.

        texts   by field, title and abstract; row i is article i, row 0 the empty one of padding
        Called in every process; what the first one returns is saved beside the vectors.
        Errors: `StudyError` where the checkpoint is missing or malformed.
        """
        raise NotImplementedError

    def text(self, params: Params, fields: tuple[str, ...]) -> nn.ModuleDict:
        """Modules of the experiment at hand by field, frozen or to be tuned: article ids (n,) ->
        token vectors (n, t, width) and mask (n, t) bool, or None where padding takes part.

        Each has `width`, and as `places` a `models.text.Places`.
        Errors: `StudyError` naming a file of stage `embed` that is missing.
        """
        raise NotImplementedError
