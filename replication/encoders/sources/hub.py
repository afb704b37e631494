"""Files of a model on the Hugging Face hub at a pinned commit: from its cache, or downloaded."""

import textwrap
from pathlib import Path

from replication.encoders.sources.places import load_places
from replication.files.errors import StudyError
from replication.files.hub_endpoint import endpoint_problem, require_sound_endpoint
from replication.files.hub_token import require_sound_token


def snapshot(
    where: str, repository: str, revision: str, files: list[str], cache: Path | None = None
) -> Path:
    """The folder of the hub's cache that holds `files` (patterns) of one commit.

    Only files of the repository's top folder are taken. What the cache holds is not asked for
    again; a download that was cut off goes on where it stopped.
    where   the parameter that names the repository, for messages
    cache   the hub's cache; None: where its client keeps it
    Errors: `StudyError` telling apart a repository that is gated, one that does not exist, an
    unknown commit, and a hub that cannot be reached.
    """
    from huggingface_hub import (
        errors,
        get_hf_file_metadata,
        hf_hub_url,
        snapshot_download,
        try_to_load_from_cache,
    )

    require_sound_token()
    require_sound_endpoint()
    try:
        if not isinstance(
            try_to_load_from_cache(repository, "config.json", revision=revision, cache_dir=cache),
            str,
        ):
            # One question before the download, which takes half a minute to give up.
            found = get_hf_file_metadata(hf_hub_url(repository, "config.json", revision=revision))
            if found.commit_hash is None:
                raise errors.FileMetadataError("no header X-Repo-Commit")
        return Path(
            snapshot_download(
                repository,
                revision=revision,
                cache_dir=cache,
                allow_patterns=files,
                ignore_patterns="*/*",
            )
        )
    except Exception as error:  # of the hub, of its network library, of the disk
        reason = why_not(repository, revision, error)
        raise StudyError(f"{where}: {reason}; or use source: folder with a copy") from None


def why_not(repository: str, revision: str, error: Exception) -> str:
    """Why the hub gave nothing of a repository, and what to do about it."""
    from huggingface_hub import constants, errors

    page = f"{constants.ENDPOINT}/{repository}"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.GatedRepoError) or status == 403:
        return (
            f"{repository} is gated: accept its terms on {page}, then set HF_TOKEN to a token of "
            f"the account that did{_instead(repository)}"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{repository} has no commit {revision}: check the revision on {page}/commits"
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return f"{repository} at {revision} holds no config.json: check the name and the revision"
    if isinstance(error, errors.RepositoryNotFoundError) or status == 401:
        return (
            f"{repository} does not exist on the hub, or only for some accounts: check the name, "
            "or set HF_TOKEN to the token of an account that may read it"
        )
    if constants.HF_HUB_OFFLINE:
        return (
            f"HF_HUB_OFFLINE is set, and the hub's cache does not hold all of {repository} at "
            f"{revision}: unset it and run again"
        )
    if problem := endpoint_problem(error):
        return f"{repository} at {revision} could not be had from the hub: {problem}"
    return (
        f"{repository} at {revision} could not be had from the hub "
        f"({textwrap.shorten(str(error), 200)}): check the network and run again"
    )


def _instead(repository: str) -> str:
    place = load_places().repositories.get(repository)
    return f" ({place.instead})" if place and place.instead else ""
