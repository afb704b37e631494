"""An excerpt of a release of MIND: some of its impressions, out of the download or a folder."""

from pathlib import Path

from replication.mind.excerpt import write_excerpt
from replication.mind.hub_zips import find_zips
from replication.mind.imports.base import DataSet
from replication.mind.imports.folder import own
from replication.mind.imports.release import LICENCE
from replication.mind.releases import EXCERPTS, load_pins
from replication.study import paths
from replication.study.settings import Params


class FromExcerpt(DataSet):
    def takes(self, params: Params) -> bool:
        return params.data.release in EXCERPTS

    def provide(self, params: Params, out: Path, pins: Path) -> None:
        path, release = paths.given(params.data.path), params.data.release
        assert release is not None  # `takes` has seen to it
        listed = path if path.is_file() else pins
        pinned = load_pins(listed)
        excerpt = pinned.excerpt(release, listed)
        if path.is_file():
            print(LICENCE.format(page=pinned.page), flush=True)
            origin, zips = find_zips(pinned, excerpt.release, (excerpt.split,))
            sources = list(zips.values())
        else:
            origin, sources = "data.path", _in_folder(path, excerpt.release, excerpt.split)
        numbers = listed.with_name(excerpt.numbers)
        write_excerpt(out, release, origin, sources, excerpt, pinned, numbers)


def _in_folder(folder: Path, release: str, split: str) -> list[Path]:
    """The user's copy of the split; and the other folder of a study that holds the excerpt alone,
    parted into train and dev already."""
    first = own(folder, release, split)
    others = [folder / name for name in ("train", "dev")]
    return [first, *(other for other in others if other.is_dir() and other != first)]
