"""A release of MIND from the list of pinned downloads (pins.yaml), which are fetched."""

import textwrap
from pathlib import Path

from replication.files.errors import StudyError
from replication.files.hub_token import require_sound_token
from replication.mind.imports.base import DataSet
from replication.mind.releases import Pins, check_zip, load_pins, zip_name
from replication.mind.source import SPLITS, write_splits

LICENCE = (
    "MIND is Microsoft's, under the Microsoft Research License Terms: for non-commercial research, "
    "not to be passed on. Read the terms before you use it: {page}"
)


class Release(DataSet):
    def takes(self, params):
        return Path(params.data.path).is_file()

    def provide(self, params, out, pins):
        path, release = Path(params.data.path), params.data.release
        if release is None:
            raise StudyError(
                f"data.release: null is not accepted where data.path is a list of downloads "
                f"({path}); accepted: demo, small, large"
            )
        pinned = load_pins(path)
        print(LICENCE.format(page=pinned.page), flush=True)
        sources = {split: _download(pinned, release, split) for split in SPLITS}
        write_splits(out, sources, release, pinned)


def _download(pins: Pins, release: str, split: str) -> Path:
    """A pinned zip of the hub's data set: from the hub's cache on disk, or downloaded into it."""
    from huggingface_hub import hf_hub_download

    name = zip_name(release, split)
    require_sound_token()
    try:
        path = hf_hub_download(pins.repository, name, repo_type="dataset", revision=pins.revision)
    except Exception as error:  # of the hub, of its network library, of the disk
        zips = " and ".join(zip_name(release, s) for s in SPLITS)
        raise StudyError(
            f"{name}: {_reason(error, pins)}; or get {zips} elsewhere and set data.path to their "
            "folder"
        ) from None
    try:
        check_zip(Path(path), pins.split(release, split))
    except StudyError as error:
        Path(path).resolve().unlink()  # behind the link, or the cache would serve it again
        raise StudyError(f"{error}; the download is removed") from None
    return Path(path)


def _reason(error: Exception, pins: Pins) -> str:
    """Why the hub gave nothing, and what to do about it."""
    from huggingface_hub import constants

    responses = (getattr(e, "response", None) for e in (error, error.__cause__))
    status = next((r.status_code for r in responses if r is not None), None)
    if status in (401, 403):
        return (
            f"{pins.repository} is not open to you (HTTP {status}): accept its terms on "
            f"{pins.page}, then set HF_TOKEN to a token of the account that did"
        )
    if status == 404:
        return f"{pins.repository} has no such file (HTTP 404): see {pins.page}"
    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set, and the hub's cache does not hold it: unset it and run again"
    reason = textwrap.shorten(str(error.__cause__ or error), 200)
    return f"it could not be had from the hub ({reason}): check the network and run again"
