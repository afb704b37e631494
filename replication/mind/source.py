"""Stage `data`: MIND's four files in one place: synthesised, the user's own, or downloaded."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from replication.files.archives import read_member
from replication.files.atomic import new_folder
from replication.files.errors import StudyError
from replication.mind.prepare import FILES, find_file
from replication.mind.releases import PINS, Pins, check_table
from replication.study.params import Params
from replication.study.registry import data_set

SPLITS = ("train", "dev")


def provide_data(params: Params, out: Path, pins: Path = PINS) -> None:
    """Fill `out` with `train/` and `dev/`, each with news.tsv and behaviors.tsv.

    They come from what `data.path` means: the demo's generator, which adds `truth.parquet`, the
    true click probabilities of its candidates; a list of pinned downloads (pins.yaml); a folder
    with the splits' folders or zips; or what else is listed in `study/registry.py`. What belongs to
    data.release is held against its figures in `pins`.
    Errors: `StudyError` where a file is missing, is not the pinned one or cannot be downloaded;
    `out` is then as it was before.
    """
    data_set(params).provide(params, out, pins)


def write_splits(out: Path, sources: Mapping[str, Path], release: str | None, pins: Pins) -> None:
    """Fill the new folder `out` from where each split is, a folder or a zip.

    Errors: `StudyError` where a table is missing, or not of the size that `pins` says of `release`.
    """
    with new_folder(out) as folder:
        for split, source in sources.items():
            (folder / split).mkdir()
            sizes = pins.split(release, split).tables if release else dict.fromkeys(FILES)
            if source.suffix == ".zip":
                _unzip(source, folder / split, sizes, pins.ceiling)
            else:
                _copy(source, folder / split, sizes)


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
