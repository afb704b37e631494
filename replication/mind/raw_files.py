"""The four files of MIND that a study begins from: what they are called, and where they lie."""

from pathlib import Path

from replication.files.errors import StudyError
from replication.files.listing import files_below

SPLITS = {"train": "train", "test": "dev"}  # ours: MIND's, whose own test set has no labels
FILES = ("news.tsv", "behaviors.tsv")
ORIGIN = "source.json"  # beside train/ and dev/: where they are from


def find_file(folder: Path, name: str) -> Path:
    """The one file called `name` in `folder` or, failing that, below it."""
    if (folder / name).is_file():
        return folder / name
    found = files_below(folder, name)
    if len(found) != 1:
        count = f"{len(found)} such files" if found else "no such file"
        raise StudyError(f"{folder / name}: {count}, here or in a subfolder; expected one")
    return found[0]
