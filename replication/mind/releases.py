"""The pinned releases of MIND (pins.yaml), and whether a file is one of theirs."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from replication.files.documents import read_yaml, validated
from replication.files.errors import StudyError, warn
from replication.study.settings import strict

PINS = Path(__file__).with_name("pins.yaml")
EXCERPTS = ("mini",)  # names of those that pins.yaml may list
Grade = Literal["H", "M", "L"]


@strict
class Zip:
    """Size in bytes and, where they are known, checksums of one byte variant of a zip. They are of
    grade H: seen at the source, or in two places; M: in one place; L: in a weak one."""

    bytes: int
    sha256: str | None = None
    md5: str | None = None
    grade: Grade = "H"


@strict
class Split:
    """train or dev of a release: its zip as the hub and as Microsoft first served it, others that
    are in circulation, and of the tables in it the sizes in bytes and the sha256 (null: not known).
    """

    hub: Zip
    original: Zip | None
    tables: dict[str, int | None]
    digests: dict[str, str | None] | None = None
    others: tuple[Zip, ...] = ()

    @property
    def variants(self) -> list[Zip]:
        return [zipped for zipped in (self.hub, self.original, *self.others) if zipped]


@strict
class Figure:
    """A figure that is known less well than grade H."""

    value: int | float | str
    grade: Grade


@strict
class Release:
    """figures: part of the data -> figure of meta.json -> its value (`statistics.py`)."""

    train: Split
    dev: Split
    figures: dict[str, dict[str, int | float | str | Figure]] | None


@strict
class Excerpt:
    """Some impressions of a split of a release, taken out of its zip.

    numbers  the file beside pins.yaml that lists them
    figures  as a release's
    """

    release: Literal["demo", "small", "large"]
    split: Literal["train", "dev"]
    numbers: str
    figures: dict[str, dict[str, int | float | str | Figure]]


@strict
class Releases:
    demo: Release
    small: Release
    large: Release
    mini: Excerpt | None = None


@strict
class Repository:
    """Another data set of the hub that holds the same zips, and the page of its terms."""

    repository: str
    page: str


@strict
class Pins:
    """The whole of pins.yaml. `ceiling` bounds, in bytes, a table of unknown size; `also` are asked
    where `repository` gives nothing."""

    repository: str
    revision: str | None
    page: str
    ceiling: int
    releases: Releases
    also: tuple[Repository, ...] = ()

    @property
    def repositories(self) -> list[Repository]:
        """In the order in which they are asked."""
        return [Repository(self.repository, self.page), *self.also]

    def split(self, release: str, name: str) -> Split:
        """train or dev of demo, small or large."""
        return getattr(getattr(self.releases, release), name)

    def excerpt(self, name: str, where: Path = PINS) -> Excerpt:
        """An excerpt by its name. `StudyError` where the list at `where` has none such."""
        found = getattr(self.releases, name)
        if not isinstance(found, Excerpt):
            raise StudyError(f"{where}: releases.{name}: is missing; expected an excerpt's entry")
        return found

    def zips(self, release: str) -> list[tuple[str, str]]:
        """Release and split of each zip that a release, or an excerpt of one, is made from."""
        found = getattr(self.releases, release)
        if isinstance(found, Excerpt):
            return [(found.release, found.split)]
        return [(release, "train"), (release, "dev")]

    def has_figures(self, release: str) -> bool:
        """Whether tables can show that they are this release's, whatever bytes they came in."""
        return getattr(self.releases, release).figures is not None


@dataclass(frozen=True)
class Found:
    """A zip as it was found. verified: its bytes are those of a checksum of grade H."""

    bytes: int
    sha256: str
    verified: bool


def load_pins(path: Path = PINS) -> Pins:
    """Read pins.yaml; `StudyError` naming file and key where it is malformed."""
    return validated(Pins, read_yaml(path), path)


def zip_name(release: str, split: str) -> str:
    """The file name of a zip, the same everywhere: MINDsmall_train.zip."""
    return f"MIND{release}_{split}.zip"


def check_zip(path: Path, split: Split, judged: bool = False) -> Found:
    """What is known of a zip, which is held against all known variants of the split's.

    judged  whether the release's figures are looked for in its tables afterwards: then other bytes
            are told, and taken. Several zips of the same tables are in circulation.
    Errors: `StudyError` naming file, found and expected, where nothing but these bytes could tell
    that they are the release's.
    """
    size, digest = path.stat().st_size, _digest(path, "sha256")
    for zipped in split.variants:
        known = zipped.sha256 == digest
        if not known and zipped.sha256 is None and zipped.md5 and zipped.bytes == size:
            known = zipped.md5 == _digest(path, "md5")
        if known:
            return Found(size, digest, zipped.grade == "H")
        if zipped.bytes == size and not (zipped.sha256 or zipped.md5):
            return Found(size, digest, False)
    told = _difference(path, size, digest, split)
    if not judged and all(zipped.grade == "H" for zipped in split.variants):
        raise StudyError(f"{told}; not the pinned file, or not all of it: get it again")
    rest = "its tables must show the release's figures" if judged else "nothing else vouches for it"
    warn(f"{told}; a zip that is not known to us is taken (sha256 {digest}): {rest}")
    return Found(size, digest, False)


def _difference(path: Path, size: int, digest: str, split: Split) -> str:
    """Which of the known zips comes nearest, and in what this one differs."""
    for zipped in split.variants:
        if zipped.bytes == size and zipped.sha256:
            return f"{path}: sha256 {digest}, expected {zipped.sha256}"
        if zipped.bytes == size:
            return f"{path}: md5 {_digest(path, 'md5')}, expected {zipped.md5}"
    sizes = " or ".join(f"{zipped.bytes:,}" for zipped in split.variants)
    return f"{path}: {size:,} bytes, expected {sizes}"


def check_table(name: Path | str, found: int, expected: int | None, judged: bool = False) -> None:
    """StudyError unless the table `name` has the `expected` bytes; None accepts any number, and
    where figures are looked for in it afterwards (`judged`) another one is only told."""
    if expected in (None, found):
        return
    told = f"{name}: {found:,} bytes, expected {expected:,}"
    if judged:
        warn(f"{told}; it must show the release's figures all the same")
        return
    raise StudyError(
        f"{told}; not the released file, or changed since (line ends?): get it again, or set "
        "data.release=null to take it unchecked"
    )


def _digest(path: Path, kind: str) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, kind).hexdigest()
