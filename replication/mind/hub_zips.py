"""The zips of MIND: from the data sets of the hub that hold them, or put there by hand."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from replication.files.errors import StudyError, warn
from replication.files.hub_endpoint import endpoint_problem, require_sound_endpoint
from replication.files.hub_token import require_sound_token
from replication.mind.releases import Pins, Repository, zip_name
from replication.study import paths

_HUB = "hub data set"


def find_zips(
    pins: Pins, release: str, splits: tuple[str, ...], cache: Path | None = None
) -> tuple[str, dict[str, Path]]:
    """Where the zips of a release were found, and their paths by split.

    Asked in this order: each data set of the hub (what its cache holds is not asked for again),
    then the zips in cache/downloads. Why a source was left is told.
    cache   the hub's cache; None: where its client keeps it
    Errors: `StudyError` where none has all of them, with the reason of each.
    """
    require_sound_token()
    require_sound_endpoint()
    names = {split: zip_name(release, split) for split in splits}
    reasons = []
    for source in pins.repositories:
        revision = pins.revision if source.repository == pins.repository else None
        try:
            asked = source.repository, revision, cache
            found = {split: _download(name, *asked) for split, name in names.items()}
            return f"{_HUB} {source.repository}", found
        except Exception as error:  # of the hub, of its network library, of the disk
            reasons.append(why_not(error, source))
            warn(f"MIND: data set {source.repository} is left: {reasons[-1]}")
    for folder in paths.download_folders():
        found = {split: folder / name for split, name in names.items()}
        if all(path.is_file() for path in found.values()):
            return "zips put there by hand", found
    zips = " and ".join(names.values())
    raise StudyError(
        f"{names[splits[0]]}: {'; '.join(dict.fromkeys(reasons))}; or get {zips} elsewhere and put "
        f"them into {paths.DOWNLOADS}, or set data.path to their folder"
    )


@contextmanager
def removed_if_refused(origin: str, archive: Path) -> Iterator[None]:
    """A zip of the hub's cache that the block refuses does not stay there to be served again."""
    try:
        yield
    except StudyError as error:
        if not origin.startswith(_HUB):
            raise
        archive.resolve().unlink(missing_ok=True)  # behind the link
        raise StudyError(f"{error}; the download is removed") from None


def _download(name: str, repository: str, revision: str | None, cache: Path | None) -> Path:
    from huggingface_hub import (
        errors,
        get_hf_file_metadata,
        hf_hub_download,
        hf_hub_url,
        try_to_load_from_cache,
    )

    kind = "dataset"
    kept = try_to_load_from_cache(
        repository, name, cache_dir=cache, revision=revision, repo_type=kind
    )
    if not isinstance(kept, str):
        # One question before the download, which takes half a minute to give up.
        url = hf_hub_url(repository, name, repo_type=kind, revision=revision)
        found = get_hf_file_metadata(url)
        if found.commit_hash is None:
            raise errors.FileMetadataError("no header X-Repo-Commit")
    return Path(
        hf_hub_download(repository, name, repo_type=kind, revision=revision, cache_dir=cache)
    )


def why_not(error: Exception, source: Repository) -> str:
    """Why a data set of the hub gave nothing, and what to do about it."""
    from huggingface_hub import constants

    responses = (getattr(e, "response", None) for e in (error, error.__cause__))
    status = next((r.status_code for r in responses if r is not None), None)
    if status in (401, 403):
        return (
            f"{source.repository} is not open to you (HTTP {status}): accept its terms on "
            f"{source.page}, then set HF_TOKEN to a token of the account that did"
        )
    if status == 404:
        return f"{source.repository} has no such file (HTTP 404): see {source.page}"
    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set, and the hub's cache does not hold it: unset it and run again"
    if problem := endpoint_problem(error):
        return f"it could not be had from the hub ({problem})"
    reason = textwrap.shorten(str(error.__cause__ or error), 200)
    return f"it could not be had from the hub ({reason}): check the network and run again"
