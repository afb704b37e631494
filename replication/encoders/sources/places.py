"""What is known of the places that checkpoints come from (places.yaml), before they are asked."""

from functools import cache
from pathlib import Path

from replication.files.documents import read_yaml, validated
from replication.study.settings import strict

OPEN = ("MIT", "Apache-2.0")
PLACES = Path(__file__).with_name("places.yaml")


@strict
class Place:
    """A model of the hub: its terms, the bytes of what is wanted of it, whether its terms must be
    accepted first, and what can be done instead."""

    licence: str
    bytes: int
    gated: bool = False
    instead: str | None = None


@strict
class Copy:
    """Where on the hub a copy of a file is."""

    repository: str
    revision: str


@strict
class Archive:
    """A file that is pinned by its sha256, and where else it is."""

    licence: str
    bytes: int
    copies: tuple[Copy, ...]


@strict
class Places:
    repositories: dict[str, Place]
    archives: dict[str, Archive]


@cache
def load_places(path: Path = PLACES) -> Places:
    """Read places.yaml; `StudyError` naming file and key where it is malformed."""
    return validated(Places, read_yaml(path), path)


def tell_terms(repository: str) -> None:
    """Name the terms of a model that are not those of an open licence, gated or copied."""
    place = load_places().repositories.get(repository)
    if place and place.licence not in OPEN:
        print(
            f"{repository} is under the {place.licence} and its acceptable use policy, wherever "
            "it is copied: read them before you use it",
            flush=True,
        )


def addresses(url: str, file: str) -> list[str]:
    """Where a pinned file can be had, in the order in which it is tried: `url`, then its copies."""
    from huggingface_hub import hf_hub_url

    archive = load_places().archives.get(file)
    copies = archive.copies if archive else ()
    return [url, *(hf_hub_url(c.repository, file, revision=c.revision) for c in copies)]
