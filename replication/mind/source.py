"""Stage `data`: MIND's four files in one place: synthesised, the user's own, or downloaded."""

import shutil
import textwrap
from pathlib import Path

from replication.files.archives import read_member
from replication.files.atomic import new_folder
from replication.files.errors import StudyError
from replication.files.hub_token import require_sound_token
from replication.mind.prepare import FILES, find_file
from replication.mind.releases import (
    PINS,
    Pins,
    check_table,
    check_zip,
    load_pins,
    zip_name,
)
from replication.study.params import Params

SPLITS = ("train", "dev")
LICENCE = (
    "MIND is Microsoft's, under the Microsoft Research License Terms: for non-commercial research, "
    "not to be passed on. Read the terms before you use it: {page}"
)


def provide_data(params: Params, out: Path, pins: Path = PINS) -> None:
    """Fill `out` with `train/` and `dev/`, each with news.tsv and behaviors.tsv.

    The demo adds `truth.parquet`, the true click probabilities of its candidates. Otherwise the
    files come from data.path: a folder with the splits' folders or zips, or a list of pinned
    downloads (pins.yaml). What belongs to data.release is held against its figures in `pins`.
    Errors: `StudyError` where a file is missing, is not the pinned one or cannot be downloaded;
    `out` is then as it was before.
    """
    if params.profile == "demo":
        from replication.mind.demo.corpus import DemoSize, write_demo

        sizes = {name: getattr(params.data, name) for name in DemoSize.__dataclass_fields__}
        write_demo(out, DemoSize(**sizes), params.data.seed)
        return
    path, release = Path(params.data.path), params.data.release
    if path.is_file():
        if release is None:
            raise StudyError(
                f"data.release: null is not accepted where data.path is a list of downloads "
                f"({path}); accepted: demo, small, large"
            )
        pinned = load_pins(path)
        print(LICENCE.format(page=pinned.page), flush=True)
        sources = {split: _download(pinned, release, split) for split in SPLITS}
    else:
        pinned = load_pins(pins)
        sources = {split: _own(path, pinned, release, split) for split in SPLITS}
    with new_folder(out) as folder:
        for split, source in sources.items():
            (folder / split).mkdir()
            sizes = pinned.split(release, split).tables if release else dict.fromkeys(FILES)
            if source.suffix == ".zip":
                _unzip(source, folder / split, sizes, pinned.ceiling)
            else:
                _copy(source, folder / split, sizes)


def _own(folder: Path, pins: Pins, release: str | None, split: str) -> Path:
    """Where the user's folder holds a split: a folder, or a zip that is the release's."""
    if not folder.is_dir():
        raise StudyError(f"data.path: {folder}: no such folder or file")
    if release is None:
        return folder / split
    names = [split, f"MIND{release}_{split}", zip_name(release, split)]
    found = next((folder / name for name in names if (folder / name).exists()), None)
    if found is None:
        raise StudyError(f"data.path: {folder} holds no {' and no '.join(names)}; expected one")
    if found.suffix == ".zip":
        check_zip(found, pins.split(release, split))
    return found


def _copy(source: Path, folder: Path, sizes: dict[str, int | None]) -> None:
    try:
        found = {name: find_file(source, name) for name in FILES}
    except StudyError as error:
        raise StudyError(f"data.path: {error}") from None
    for name, path in found.items():
        check_table(path, path.stat().st_size, sizes[name])
    for name, path in found.items():
        shutil.copyfile(path, folder / name)


def _unzip(archive: Path, folder: Path, sizes: dict[str, int | None], ceiling: int) -> None:
    for name in FILES:
        with (folder / name).open("wb") as table:
            table.writelines(read_member(archive, name, limit=sizes[name] or ceiling))
        check_table(f"{archive}: {name}", (folder / name).stat().st_size, sizes[name])


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
