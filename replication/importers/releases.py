"""What the owner of a data set serves (releases.yaml): fetched by its name, known by its bytes."""

from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlparse

from replication.files.documents import read_yaml
from replication.files.downloads import download
from replication.files.errors import StudyError
from replication.study import paths

RELEASES = Path(__file__).with_name("releases.yaml")


@cache
def releases(kind: str) -> dict[str, dict[str, Any]]:
    """By name, such as `100k`: url, sha256 (None: not known) and files, the SHA-256 by name."""
    return dict(read_yaml(RELEASES).get(kind, {}))


def release_of(kind: str, digest: str) -> str | None:
    """The release that a file of this SHA-256 is, or is part of; None: of none that is pinned."""
    for name, release in releases(kind).items():
        if digest in (release["sha256"], *release["files"].values()):
            return name
    return None


def fetched(kind: str, name: str) -> Path:
    """The zip of a release, below cache/downloads, downloaded where it is not there yet.

    Errors: `StudyError` where nothing is served under that name, where its SHA-256 is not known,
    and as from `download`.
    """
    known = releases(kind)
    if name not in known:
        served = [release for release, pins in known.items() if pins["sha256"]]
        named = f", or {' or '.join(served)} to download it" if served else ""
        raise StudyError(f"{name}: no such folder; expected {kind} as it is published{named}")
    url, pin = known[name]["url"], known[name]["sha256"]
    target = paths.DOWNLOADS / PurePosixPath(urlparse(url).path).name
    if pin is None:
        raise StudyError(f"{kind} {name}: its SHA-256 is not known here, so that it is not "
                         f"downloaded; get {url} and give the zip")  # fmt: skip
    download(url, target, pin)
    return target
