"""Read a file out of a zip that nobody vouches for."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from lzma import LZMAError
from pathlib import Path, PureWindowsPath

from replication.files.errors import StudyError

_CHUNK = 1 << 22  # bytes
# What zipfile and the decompressors make of bytes that are no zip, or a damaged one.
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, LZMAError, struct.error, EOFError, OSError, ValueError),
)


def read_member(archive: Path, name: str, limit: int) -> Iterator[bytes]:
    """The content of the one file called `name`, in whatever folder of a zip, chunk by chunk. The
    name may begin with folders, where several files are told apart by them: `train/news.tsv`.

    No path of the archive is used for anything: where the chunks go is the caller's choice.
    StudyError, in one line, for a zip that is missing, broken or encrypted, that holds no such
    file or several, or more than `limit` bytes of it, and for one with a path that leads out of
    it or a symbolic link (honest archives of data have neither).
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            member = _find(archive, opened.infolist(), name)
            with opened.open(member) as stream:
                total = 0
                while chunk := stream.read(_CHUNK):
                    total += len(chunk)  # counted, for a header may lie
                    if total > limit:
                        raise StudyError(
                            f"{archive}: {name} in it has more than {limit:,} bytes, the most that "
                            "is accepted; it is not the expected archive"
                        )
                    yield chunk
    except FileNotFoundError:
        raise StudyError(f"{archive}: no such file; expected a zip") from None
    except NotImplementedError as error:
        raise StudyError(f"{archive}: cannot be read ({error}); expected an ordinary zip") from None
    except _DAMAGE as error:
        problem = " ".join(str(error).split()) or type(error).__name__
        raise StudyError(f"{archive}: broken zip ({problem}); get it again") from None


def _find(archive: Path, members: list[zipfile.ZipInfo], name: str) -> zipfile.ZipInfo:
    for member in members:
        path = PureWindowsPath(member.filename)  # it parts at / and \ and knows drives
        if path.anchor or ".." in path.parts:
            raise StudyError(f"{archive}: refused, for a path in it leads out: {member.filename!r}")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise StudyError(f"{archive}: refused, for it holds a link: {member.filename!r}")
    wanted = tuple(name.split("/"))
    found = [
        member
        for member in members
        if PureWindowsPath(member.filename).parts[-len(wanted) :] == wanted and not member.is_dir()
    ]
    if len(found) != 1:
        count = f"{len(found)} files" if found else "no file"
        raise StudyError(f"{archive}: {count} called {name} in it; expected one")
    if found[0].flag_bits & 1:
        raise StudyError(f"{archive}: encrypted; expected a zip without a password")
    return found[0]
