"""What a study downloads, from its parameters alone."""

from collections.abc import Iterator
from dataclasses import dataclass

from replication.encoders.sources.glove import file_of
from replication.encoders.sources.places import load_places
from replication.files.documents import read_json
from replication.files.errors import StudyError
from replication.mind.raw_files import ORIGIN
from replication.mind.releases import Pins, load_pins, zip_name
from replication.study import paths
from replication.study.encoders import Encoder
from replication.study.params import Params


@dataclass(frozen=True)
class Model:
    """An encoder, or the tokenizer of one (then `encoder` is its entry all the same)."""

    name: str
    encoder: Encoder
    repository: str
    revision: str | None
    tokenizer: bool = False

    @property
    def what(self) -> str:
        return f"tokenizer of {self.name}" if self.tokenizer else self.name

    @property
    def bytes(self) -> int | None:
        """As far as it is known before anything is asked; a tokenizer is small."""
        place = load_places().repositories.get(self.repository)
        if self.tokenizer:
            return 700_000
        return place.bytes if place else None

    @property
    def licence(self) -> str:
        place = load_places().repositories.get(self.repository)
        return place.licence if place else "see its page"

    @property
    def gated(self) -> bool:
        place = load_places().repositories.get(self.repository)
        return bool(place and place.gated)


@dataclass(frozen=True)
class Archive:
    """A pinned archive of an address: word vectors."""

    name: str
    encoder: Encoder

    @property
    def file(self) -> str:
        return file_of(self.encoder.name)

    @property
    def bytes(self) -> int | None:
        known = load_places().archives.get(self.file)
        return known.bytes if known else None

    @property
    def licence(self) -> str:
        known = load_places().archives.get(self.file)
        return known.licence if known else "see its page"


@dataclass(frozen=True)
class Mind:
    """The zips of a release of MIND, or of what an excerpt is taken from."""

    release: str
    pins: Pins

    @property
    def files(self) -> list[str]:
        return [zip_name(*zipped) for zipped in self.pins.zips(self.release)]

    @property
    def bytes(self) -> int:
        return sum(self.pins.split(*zipped).hub.bytes for zipped in self.pins.zips(self.release))


Wanted = Mind | Archive | Model


def wanted(params: Params) -> Iterator[Wanted]:
    """Every download of a study, each once, the data first.

    Errors: `StudyError` where the list of MIND's zips is malformed.
    """
    path = paths.given(params.data.path)
    if path.is_file() and not params.demo and params.data.release:
        yield Mind(params.data.release, load_pins(path))
    tokenizers = set()
    for name, encoder in params.encoders.items():
        if encoder.source == "glove" and "://" in encoder.name:
            yield Archive(name, encoder)
        elif encoder.source == "hub":
            yield Model(name, encoder, encoder.name, encoder.revision)
            entry = encoder.tokenizer
            if entry is not None and (entry.name, entry.revision) not in tokenizers:
                tokenizers.add((entry.name, entry.revision))
                yield Model(name, encoder, entry.name, entry.revision, tokenizer=True)


def is_made(item: Wanted) -> bool:
    """Whether the stage that would download it has its output already."""
    from replication.encoders.sources.checkpoints import checkpoint_digest

    try:
        if isinstance(item, Mind):
            return read_json(paths.RAW / ORIGIN).get("release") == item.release
        origin = checkpoint_digest(item.name)
    except (StudyError, OSError):
        return False
    return (origin.get("name"), origin.get("revision")) == (
        item.encoder.name,
        item.encoder.revision,
    )
