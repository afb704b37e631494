"""What lies in a folder, without what an editor, a file browser or Python has left there."""

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

# Hidden names are .DS_Store, ._x of a Mac, .x.swp, Emacs' lock .#x (a link to nothing) and the
# like. The same patterns stand in .dvcignore, so that DVC sees what we see.
JUNK = (
    *(".*", "*~", "~$*", "[#]*#", "*.sw[nop]", "*.bak", "*.orig", "*.rej"),
    *("Thumbs.db", "desktop.ini", "__MACOSX", "__pycache__", "*.pyc", "*.egg-info"),
)


def is_junk(name: str) -> bool:
    """Whether a file or folder of this name is none of the study's."""
    return any(fnmatchcase(name, pattern) for pattern in JUNK)


def files_in(folder: Path, pattern: str = "*") -> list[Path]:
    """The files in a folder, not below it, whose names fit `pattern`, in order of their names.

    Links to nothing are left out. None where there is no such folder.
    """
    found = folder.glob(pattern) if folder.is_dir() else ()
    return sorted(path for path in found if not is_junk(path.name) and path.is_file())


def files_below(folder: Path, pattern: str = "*") -> list[Path]:
    """As `files_in`, but of all folders below too, in order of their paths."""
    return sorted(path for path in _walked(folder) if fnmatchcase(path.name, pattern))


def _walked(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not is_junk(name)]
        for name in files:
            if not is_junk(name) and (path := Path(place, name)).is_file():
                yield path
