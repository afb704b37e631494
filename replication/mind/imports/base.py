"""What a way to bring data says of itself and does."""

from pathlib import Path

from replication.study.settings import Params


class DataSet:
    """A way to bring data. Which one `data.path` means, the last line that takes it decides."""

    def takes(self, params: Params) -> bool:
        """Whether `params.data` are of this kind; a look at the files is allowed."""
        raise NotImplementedError

    def check(self, params: Params, where: Path) -> None:
        """`StudyError` naming file `where` and the parameter that this kind cannot take."""

    def original(self, params: Params, split: str, file: str) -> Path | None:
        """The user's own file of which `file` of a split (train, dev) is a copy; None: of none."""
        return None

    def provide(self, params: Params, out: Path, pins: Path) -> None:
        """Fill the new folder `out` with `train/` and `dev/`, in one step (`atomic.new_folder`).

        Each holds news.tsv and behaviors.tsv in MIND's format.
        pins    the file that pins the releases of MIND
        Errors: `StudyError` where a file is missing, is not the pinned one or cannot be downloaded;
        `out` is then as it was before.
        """
        raise NotImplementedError
