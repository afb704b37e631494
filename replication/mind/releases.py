"""The pinned releases of MIND (pins.yaml), and whether a file is one of theirs."""

import hashlib
from pathlib import Path

from replication.files.documents import read_yaml, validated
from replication.files.errors import StudyError
from replication.study.settings import strict

PINS = Path(__file__).with_name("pins.yaml")


@strict
class Zip:
    """Size in bytes and, where they are known, checksums of one byte variant of a zip."""

    bytes: int
    sha256: str | None = None
    md5: str | None = None


@strict
class Split:
    """train or dev of a release: its zip as the hub and as Microsoft first served it, and the
    sizes in bytes of the tables in it (null: not known)."""

    hub: Zip
    original: Zip | None
    tables: dict[str, int | None]


@strict
class Release:
    """figures: part of the data -> figure of meta.json -> its value (`statistics.py`)."""

    train: Split
    dev: Split
    figures: dict[str, dict[str, int | float | str]] | None


@strict
class Releases:
    demo: Release
    small: Release
    large: Release


@strict
class Pins:
    """The whole of pins.yaml. `ceiling` bounds, in bytes, a table of unknown size."""

    repository: str
    revision: str | None
    page: str
    ceiling: int
    releases: Releases

    def split(self, release: str, name: str) -> Split:
        """train or dev of demo, small or large."""
        return getattr(getattr(self.releases, release), name)


def load_pins(path: Path = PINS) -> Pins:
    """Read pins.yaml; `StudyError` naming file and key where it is malformed."""
    return validated(Pins, read_yaml(path), path)


def zip_name(release: str, split: str) -> str:
    """The file name of a zip, the same everywhere: MINDsmall_train.zip."""
    return f"MIND{release}_{split}.zip"


def check_zip(path: Path, split: Split) -> None:
    """StudyError naming file, found and expected, unless `path` is a variant of the split's zip.

    A variant is known by its size; then its checksum must agree, where one is known.
    """
    remedy = "not the pinned file, or not all of it: get it again"
    variants = [v for v in (split.hub, split.original) if v]
    found = path.stat().st_size
    zipped = next((v for v in variants if v.bytes == found), None)
    if zipped is None:
        sizes = " or ".join(f"{v.bytes:,}" for v in variants)
        raise StudyError(f"{path}: {found:,} bytes, expected {sizes}; {remedy}")
    for kind in ("sha256", "md5"):
        expected = getattr(zipped, kind)
        if expected and (digest := _digest(path, kind)) != expected:
            raise StudyError(f"{path}: {kind} {digest}, expected {expected}; {remedy}")


def check_table(name: Path | str, found: int, expected: int | None) -> None:
    """StudyError unless the table `name` has the `expected` bytes; None accepts any number."""
    if expected not in (None, found):
        raise StudyError(
            f"{name}: {found:,} bytes, expected {expected:,}; not the released file, or changed "
            "since (line ends?): get it again, or set data.release=null to take it unchecked"
        )


def _digest(path: Path, kind: str) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, kind).hexdigest()
