"""A folder of the user's in MIND's format: folders or zips of the two splits."""

from pathlib import Path

from replication.files.errors import StudyError
from replication.mind.imports.base import DataSet
from replication.mind.raw_files import find_file
from replication.mind.releases import load_pins, zip_name
from replication.mind.source import SPLITS, write_splits
from replication.study import paths
from replication.study.settings import Params


class Folder(DataSet):
    def takes(self, params: Params) -> bool:
        return True  # whatever no line below its own has taken

    def provide(self, params: Params, out: Path, pins: Path) -> None:
        path, release, pinned = paths.given(params.data.path), params.data.release, load_pins(pins)
        sources = {split: own(path, release, split) for split in SPLITS}
        write_splits(out, "data.path", sources, release, pinned)

    def original(self, params: Params, split: str, file: str) -> Path | None:
        source = own(paths.given(params.data.path), params.data.release, split)
        return find_file(source, file) if source.is_dir() else None


def own(folder: Path, release: str | None, split: str) -> Path:
    """Where the user's folder holds a split: a folder, or a zip."""
    if not folder.is_dir():
        raise StudyError(f"data.path: {folder}: no such folder or file{paths.where(folder)}")
    if release is None:
        return folder / split
    names = [split, f"MIND{release}_{split}", zip_name(release, split)]
    found = next((folder / name for name in names if (folder / name).exists()), None)
    if found is None:
        raise StudyError(f"data.path: {folder} holds no {' and no '.join(names)}; expected one")
    return found
