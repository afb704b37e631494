"""What a kind of source says of itself and does; imports no torch until it works."""

from pathlib import Path
from typing import ClassVar

from replication.encoders.families.base import Family
from replication.study.encoders import Encoder
from replication.study.registry import FAMILIES


class Source:
    """Where the files of a language model come from. As it stands here, nothing is found.

    fetched  whether a server sends them
    size     bytes that are sent, where that does not hang on the entry of the registry
    """

    fetched: ClassVar[bool] = False
    size: ClassVar[int | None] = None

    def check(self, key: str, encoder: Encoder) -> None:
        """`StudyError` that names the parameter under `key` which this source cannot take."""

    def packages(self, encoder: Encoder) -> tuple[str, ...]:
        """The installed Python packages that entry `encoder` needs for its files."""
        return ()

    def require_given(self, name: str, encoder: Encoder) -> None:
        """`StudyError` where something of the user's own that entry `name` names is not there."""

    def found(self, name: str, encoder: Encoder) -> Path | None:
        """The folder of the files that entry `name` is made from, which are held against its pins;
        None where there is none. Errors: `StudyError` saying what is missing."""
        raise NotImplementedError

    def write(self, name: str, encoder: Encoder, source: Path | None, folder: Path) -> None:
        """Write the checkpoint's files to `folder`: as they are in `source`, which `found` gave.

        Errors: `StudyError` saying what of them is missing or damaged.
        """
        assert source is not None  # a source without a folder has a `write` of its own
        family: Family = FAMILIES[encoder.family]
        family.place(name, encoder, source, folder)

    def require(self, checkpoint: Path) -> None:
        """`StudyError` naming the stage to run, unless `checkpoint` can be of this source."""
