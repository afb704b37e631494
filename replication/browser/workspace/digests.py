"""Files and folders against the digests that DVC recorded of them, without DVC."""

import functools
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from replication.study import paths

# A file of more bytes is not read: it is taken for the one recorded where the sizes agree.
LARGE = 1 << 20
TRACKED = f"{paths.REPORTS}/"  # what lies below it is in git; any other output DVC can fetch
_IGNORE = Path(".dvcignore")
_ALWAYS_IGNORED = (".dvc/", ".git", ".hg/")


@dataclass(frozen=True)
class Digest:
    """A file, or a folder where `nfiles` is given; size in bytes.

    md5  as DVC 3 has it: of a folder, that of its listing, and `.dir`; None: too large to read, or
         the listing is not known
    """

    md5: str | None
    size: int | None
    nfiles: int | None = None

    def agrees(self, recorded: "Digest") -> bool:
        """Whether this is the recorded one: by its size where there is no MD5 to compare."""
        if self.md5 is not None:
            return self.md5 == recorded.md5
        return (self.size, self.nfiles) == (recorded.size, recorded.nfiles)


class Disk:
    """One look at the working directory: each path is listed and hashed once.

    outs  every output that dvc.lock records, by its path; one that is absent counts as recorded,
          unless it is in git: DVC would fetch it or make it again
    """

    def __init__(self, outs: Mapping[str, Digest]):
        self._outs = outs
        self._root = str(Path.cwd())
        self._ignored = _read_ignored()
        self._seen: dict[str, Digest | None] = {}
        self._absent = {
            path: out
            for path, out in outs.items()
            if not path.startswith(TRACKED) and not os.path.lexists(path)
        }
        self._absent_below: dict[str, list[str]] = {}
        for path in self._absent:
            for folder in folders_above(path):
                self._absent_below.setdefault(folder, []).append(path)

    def digest(self, path: str) -> Digest | None:
        """What lies under `path`; None: nothing does, and no output of that path is recorded."""
        if path not in self._seen:
            self._seen[path] = self._digest(path)
        return self._seen[path]

    def is_made_again(self, path: str) -> bool:
        """Whether it lies in a folder that is a recorded output, and absent: DVC would fetch or
        make the whole of that."""
        return any(folder in self._absent for folder in folders_above(path))

    def _digest(self, path: str) -> Digest | None:
        start = f"{path}/"
        listed = {
            out.removeprefix(start): self._absent[out] for out in self._absent_below.get(path, ())
        }
        try:
            state = os.stat(path)  # noqa: PTH116 - strings here: a page looks at thousands of files
        except (OSError, ValueError):  # ValueError: no file can have this name
            return self._absent.get(path) or (_folder(listed) if listed else None)
        if not stat.S_ISDIR(state.st_mode):
            return self._file(path, state)
        for file, found in _walk(path, self._ignored):
            listed[file.removeprefix(start)] = self._file(file, found)
        return self._known(path, _folder(listed))

    def _file(self, path: str, state: os.stat_result) -> Digest:
        if state.st_size > LARGE:
            return self._known(path, Digest(None, state.st_size))
        try:
            md5 = _md5(self._root, path, state.st_mtime_ns, state.st_size)
        except OSError:  # gone since, or not to be read: in either case not what was recorded
            md5 = "unreadable"
        return Digest(md5, state.st_size)

    def _known(self, path: str, found: Digest) -> Digest:
        """The recorded output in place of one that is too large to read, where the sizes agree."""
        out = self._outs.get(path)
        return out if found.md5 is None and out is not None and found.agrees(out) else found


@functools.lru_cache(maxsize=1 << 14)
def _md5(root: str, path: str, changed: int, size: int) -> str:
    with Path(root, path).open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()


def _folder(files: Mapping[str, Digest]) -> Digest:
    """Of its files by their relative paths: DVC hashes their listing as JSON.

    An output that is absent may be a folder itself, of which the listing is not known here.
    """
    size = sum(file.size or 0 for file in files.values())
    count = sum(file.nfiles or 1 for file in files.values())
    if any(file.md5 is None or file.nfiles for file in files.values()):
        return Digest(None, size, count)
    listing = json.dumps([{"md5": files[name].md5, "relpath": name} for name in sorted(files)])
    return Digest(f"{hashlib.md5(listing.encode()).hexdigest()}.dir", size, count)


def _walk(folder: str, ignored: tuple[str, ...]) -> Iterator[tuple[str, os.stat_result]]:
    """Every file below a folder: its path, which begins with the folder's, and its state."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        try:
            if _is_ignored(entry, ignored):
                continue
            if not entry.is_dir():
                yield entry.path, entry.stat()
            elif not entry.is_symlink():  # DVC does not enter linked folders
                yield from _walk(entry.path, ignored)
        except OSError:  # gone since: a stage is being run
            continue


def folders_above(path: str) -> Iterator[str]:
    """The folders that a path names: `a/b/c` lies in `a/b` and in `a`."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _read_ignored() -> tuple[str, ...]:
    """DVC's own patterns and those of .dvcignore: names, with a slash at the end folders only."""
    try:
        lines = _IGNORE.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    patterns = (line.strip() for line in lines)
    return (*_ALWAYS_IGNORED, *(line for line in patterns if line and not line.startswith("#")))


def _is_ignored(entry: os.DirEntry, ignored: tuple[str, ...]) -> bool:
    return any(
        fnmatchcase(entry.name, pattern.removesuffix("/"))
        and (not pattern.endswith("/") or entry.is_dir())
        for pattern in ignored
    )
