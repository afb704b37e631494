"""Source `glove`: the word vectors of the corpus, streamed out of GloVe's archive."""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import urlparse

from tqdm import tqdm

from replication.encoders.sources.places import addresses
from replication.encoders.sources.words import parsed
from replication.encoders.tokens import FIELDS, words_of
from replication.files.archives import read_member
from replication.files.digest import sha256
from replication.files.downloads import download
from replication.files.errors import StudyError, warn
from replication.mind.columns.prepared import load_prepared
from replication.study import paths
from replication.study.encoders import Digest
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
    if encoder.name.startswith(("http://", "https://")):
        return archive(name, encoder)
    path = paths.given(encoder.name)
    pin = _pin(encoder, path.name)
    if not path.is_file():
        raise StudyError(
            f"encoders.{name}.name: {path}: no such file; expected GloVe's zip, the text in it, or "
            f"the address of the zip{paths.where(path)}"
        )
    if pin and (digest := sha256(path)) != pin:
        raise StudyError(
            f"encoders.{name}.sha256: {path} has sha256 {digest}, expected {pin}; it is not the "
            "pinned file: get it again"
        )
    return path


def archive(name: str, encoder: Encoder, folder: Path = paths.DOWNLOADS) -> Path:
    """The pinned archive of an address: where it is already, or downloaded to `folder`.

    Its own address is tried first, then the copies that places.yaml knows, with the reason why one
    was left. Errors: `StudyError` where it is not pinned, or none of them has the pinned bytes.
    """
    from huggingface_hub import constants

    file = file_of(encoder.name)
    if (pin := _pin(encoder, file)) is None:
        raise StudyError(f"encoders.{name}.sha256: has no {file}; a download must be pinned")
    for path in (f / file for f in paths.download_folders() if f != folder):
        if path.is_file() and sha256(path) == pin:
            return path
    target = folder / file
    if constants.HF_HUB_OFFLINE and not target.is_file():
        raise StudyError(
            f"encoders.{name}: HF_HUB_OFFLINE is set, and {target} is not there: unset it, put the "
            f"file there, or `python -m replication fetch FOLDER` where there is a network"
        )
    reasons = []
    for address in addresses(encoder.name, file):
        try:
            download(address, target, pin)
            return target
        except StudyError as error:
            reasons.append(str(error))
            warn(f"encoders.{name}: {address} is left: {error}")
    raise StudyError(f"encoders.{name}: {file} could not be had: {'; '.join(reasons)}")


def file_of(address: str) -> str:
    """The name of the file that an address ends in."""
    return PurePosixPath(urlparse(address).path).name


def _pin(encoder: Encoder, file: str) -> str | None:
    pin = encoder.sha256.get(file)
    return pin.sha256 if isinstance(pin, Digest) else pin


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
