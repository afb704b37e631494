"""Source `glove`: the word vectors of the corpus, streamed out of GloVe's archive."""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import urlparse

from tqdm import tqdm

from replication.encoders.sources.words import parsed
from replication.encoders.tokens import FIELDS, words_of
from replication.files.archives import read_member
from replication.files.digest import sha256
from replication.files.downloads import download
from replication.files.errors import StudyError
from replication.mind.columns.prepared import load_prepared
from replication.study import paths
from replication.study.params import Encoder

_CHUNK = 1 << 22  # bytes
_LONGEST = 1 << 22  # bytes of a line, lest one without an end fill the memory
_LARGEST = 16 << 30  # bytes of text that an archive may hold; GloVe 840B has under 6 GB


def glove_rows(name: str, encoder: Encoder, prepared: Path, target: Path) -> None:
    """Write to `target` the lines of GloVe's text whose words occur in the prepared articles.

    encoder.name is the path of the zip or of the text in it, or the address of the zip, which is
    then downloaded to `cache/downloads/`; encoder.sha256 pins the file by its name (it must, for
    a download). Words are those of `words_of`, in lower case, and are matched exactly, although
    840B is cased: as in the released code. Lines are copied as they are, in the file's order.
    Errors: `StudyError` for a file that is missing, cannot be downloaded or is not the pinned
    one, for a line without `encoder.width` numbers, and where no word of the corpus is found.
    """
    source = _source(name, encoder)
    articles = load_prepared(prepared).articles
    texts = (text for field in FIELDS for text in getattr(articles, field))
    wanted = {word.encode(): word for text in texts for word in words_of(text)}
    found = 0
    with target.open("wb") as rows:
        for number, line in _lines(source, encoder.width):
            word, *values = line.split(b" ")
            if word in wanted:
                parsed(source, number, wanted[word], values)  # refuses what is no vector
                rows.write(line + b"\n")
                found += 1
    if not found:
        raise StudyError(f"encoders.{name}: {source} holds no word of the corpus; wrong file?")


def _source(name: str, encoder: Encoder) -> Path:
    """The archive or text on disk, its bytes checked where they are pinned."""
    remote = encoder.name.startswith(("http://", "https://"))
    file = PurePosixPath(urlparse(encoder.name).path).name if remote else Path(encoder.name).name
    pin = encoder.sha256.get(file)
    if remote:
        if pin is None:
            raise StudyError(f"encoders.{name}.sha256: has no {file}; a download must be pinned")
        download(encoder.name, paths.DOWNLOADS / file, pin)
        return paths.DOWNLOADS / file
    path = Path(encoder.name)
    if not path.is_file():
        raise StudyError(
            f"encoders.{name}.name: {path}: no such file; expected GloVe's zip, the text in it, or "
            "the address of the zip"
        )
    if pin and (digest := sha256(path)) != pin:
        raise StudyError(
            f"encoders.{name}.sha256: {path} has sha256 {digest}, expected {pin}; it is not the "
            "pinned file: get it again"
        )
    return path


def _lines(source: Path, width: int) -> Iterator[tuple[int, bytes]]:
    """Number and content of each line that has `width` numbers after one word.

    840B has words with spaces in them, such as `. . .`; those never are a word of the corpus, but
    must not be taken for their first part.
    """
    rest, number = b"", 0
    for chunk in _chunks(source):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from _words(source, lines, number, width)
        number += len(lines)
        if len(rest) > _LONGEST:
            raise StudyError(
                f"{source}, line {number + 1}: more than {_LONGEST:,} bytes; expected a word and "
                f"{width} numbers"
            )
    if rest:
        yield from _words(source, [rest], number, width)


def _words(
    source: Path, lines: Iterable[bytes], before: int, width: int
) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(lines, start=before + 1):
        if (spaces := line.count(b" ")) < width:
            raise StudyError(
                f"{source}, line {number}: {spaces} numbers after the word, expected {width}"
            )
        if spaces == width:
            yield number, line


def _chunks(source: Path) -> Iterator[bytes]:
    """The text, from within the zip or from its own file, with a progress bar."""
    with tqdm(desc=source.name, unit="B", unit_scale=True) as progress:
        for chunk in _content(source):
            progress.update(len(chunk))
            yield chunk


def _content(source: Path) -> Iterator[bytes]:
    if source.suffix == ".zip":
        yield from read_member(source, f"{source.stem}.txt", _LARGEST)
        return
    with source.open("rb") as text:
        while chunk := text.read(_CHUNK):
            yield chunk
