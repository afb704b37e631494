"""Stage `data`: MIND's four files in one place: synthesised, the user's own, or downloaded."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from replication.files.archives import read_member
from replication.files.atomic import new_folder, write_json
from replication.files.digest import sha256
from replication.files.errors import StudyError
from replication.mind.hub_zips import removed_if_refused
from replication.mind.imports.base import DataSet
from replication.mind.raw_files import FILES, ORIGIN, find_file
from replication.mind.releases import PINS, Pins, check_table, check_zip
from replication.study.params import Params
from replication.study.registry import data_set

SPLITS = ("train", "dev")


def provide_data(params: Params, out: Path, pins: Path = PINS) -> None:
    """Fill `out` with `train/` and `dev/`, each with news.tsv and behaviors.tsv.

    They come from what `data.path` means: the demo's generator, which adds `truth.parquet`, the
    true click probabilities of its candidates; a list of pinned downloads (pins.yaml); a folder
    with the splits' folders or zips; or what else is listed in `study/registry.py`. What belongs to
    data.release is held against what `pins` says of it, and `source.json` says where each split is
    from, its sha256 where it is a zip, and those of its tables.
    Errors: `StudyError` where a file is missing, is not the pinned one or cannot be downloaded;
    `out` is then as it was before.
    """
    way: DataSet = data_set(params)
    way.provide(params, out, pins)


@contextmanager
def named_as_given(params: Params, raw: Path) -> Iterator[None]:
    """Within it, an error about a table of `raw` names first the user's file which that copies."""
    way: DataSet = data_set(params)
    try:
        yield
    except StudyError as error:
        told = str(error)
        for split in SPLITS:
            for file in FILES:
                copy = raw / split / file
                own: Path | None = None
                if told.startswith(str(copy)):
                    with suppress(StudyError):  # it is there no longer
                        own = way.original(params, split, file)
                if own is not None:
                    rest = told.removeprefix(str(copy))
                    raise StudyError(f"{own} (copied to {copy}){rest}") from None
        raise


def write_splits(
    out: Path, origin: str, sources: Mapping[str, Path], release: str | None, pins: Pins
) -> None:
    """Fill the new folder `out` from where each split is, a folder or a zip; origin: where that is.

    Errors: `StudyError` where a table is missing, or is not what `pins` says of `release`.
    """
    judged = release is not None and pins.has_figures(release)
    found: dict[str, dict[str, Any]] = {}
    for split, source in sources.items():
        if source.suffix == ".zip":
            assert release is not None  # by which alone a zip is looked for
            with removed_if_refused(origin, source):
                zipped = check_zip(source, pins.split(release, split), judged)
            found[split] = {"from": origin, "file": source.name, **vars(zipped)}
        else:
            found[split] = {"from": origin, "file": None, "verified": False}
    with new_folder(out) as folder:
        for split, source in sources.items():
            (folder / split).mkdir()
            sizes = pins.split(release, split).tables if release else dict.fromkeys(FILES)
            if source.suffix == ".zip":
                with removed_if_refused(origin, source):
                    _unzip(source, folder / split, sizes, pins.ceiling, judged)
            else:
                _copy(source, folder / split, sizes, judged)
            found[split]["tables"] = {name: sha256(folder / split / name) for name in FILES}
        if release is not None:
            write_json(folder / ORIGIN, {"release": release, "splits": found})


def _copy(source: Path, folder: Path, sizes: dict[str, int | None], judged: bool) -> None:
    try:
        found = {name: find_file(source, name) for name in FILES}
    except StudyError as error:
        raise StudyError(f"data.path: {error}") from None
    for name, path in found.items():
        check_table(path, path.stat().st_size, sizes[name], judged)
    for name, path in found.items():
        shutil.copyfile(path, folder / name)


def _unzip(
    archive: Path, folder: Path, sizes: dict[str, int | None], ceiling: int, judged: bool
) -> None:
    for name in FILES:
        size = sizes[name]
        with (folder / name).open("wb") as table:
            limit = ceiling if judged or size is None else size
            table.writelines(read_member(archive, name, limit=limit))
        check_table(f"{archive}: {name}", (folder / name).stat().st_size, size, judged)
