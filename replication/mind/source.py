"""Stage `data`: MIND's four files in one place: synthesised, the user's own, or downloaded."""

import shutil
from pathlib import Path

from replication.files.archives import read_member
from replication.files.atomic import new_folder, write_json
from replication.files.errors import StudyError
from replication.mind.hub_zips import find_zips, removed_if_refused
from replication.mind.prepare import FILES, ORIGIN, find_file
from replication.mind.releases import PINS, check_table, check_zip, load_pins, zip_name
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
    downloads (pins.yaml). What belongs to data.release is held against what `pins` says of it, and
    `source.json` says where each split is from, and its sha256 where it is a zip.
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
        origin, sources = find_zips(pinned, release, SPLITS)
    else:
        pinned = load_pins(pins)
        origin, sources = "data.path", {split: _own(path, release, split) for split in SPLITS}
    judged = release is not None and pinned.has_figures(release)
    found = {}
    for split, source in sources.items():
        if source.suffix == ".zip":
            with removed_if_refused(origin, source):
                zipped = check_zip(source, pinned.split(release, split), judged)
            found[split] = {"from": origin, "file": source.name, **vars(zipped)}
        else:
            found[split] = {"from": origin, "file": None, "verified": False}
    with new_folder(out) as folder:
        for split, source in sources.items():
            (folder / split).mkdir()
            sizes = pinned.split(release, split).tables if release else dict.fromkeys(FILES)
            if source.suffix == ".zip":
                with removed_if_refused(origin, source):
                    _unzip(source, folder / split, sizes, pinned.ceiling, judged)
            else:
                _copy(source, folder / split, sizes, judged)
        if release is not None:
            write_json(folder / ORIGIN, {"release": release, "splits": found})


def _own(folder: Path, release: str | None, split: str) -> Path:
    """Where the user's folder holds a split: a folder, or a zip."""
    if not folder.is_dir():
        raise StudyError(f"data.path: {folder}: no such folder or file")
    if release is None:
        return folder / split
    names = [split, f"MIND{release}_{split}", zip_name(release, split)]
    found = next((folder / name for name in names if (folder / name).exists()), None)
    if found is None:
        raise StudyError(f"data.path: {folder} holds no {' and no '.join(names)}; expected one")
    return found


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
