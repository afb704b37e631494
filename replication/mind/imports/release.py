"""A release of MIND from the list of pinned downloads (pins.yaml), which are fetched."""

from pathlib import Path

from replication.files.errors import StudyError
from replication.mind.hub_zips import find_zips
from replication.mind.imports.base import DataSet
from replication.mind.releases import load_pins
from replication.mind.source import SPLITS, write_splits
from replication.study import paths
from replication.study.settings import Params

LICENCE = (
    "MIND is Microsoft's, under the Microsoft Research License Terms: for non-commercial research, "
    "not to be passed on. Read the terms before you use it: {page}"
)


class Release(DataSet):
    def takes(self, params: Params) -> bool:
        return paths.given(params.data.path).is_file()

    def provide(self, params: Params, out: Path, pins: Path) -> None:
        path, release = paths.given(params.data.path), params.data.release
        if release is None:
            raise StudyError(
                f"data.release: null is not accepted where data.path is a list of downloads "
                f"({path}); accepted: demo, small, large, mini"
            )
        pinned = load_pins(path)
        print(LICENCE.format(page=pinned.page), flush=True)
        origin, sources = find_zips(pinned, release, SPLITS)
        write_splits(out, origin, sources, release, pinned)
