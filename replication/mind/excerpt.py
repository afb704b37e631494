"""Some impressions of a split of MIND, chosen by their numbers, and the articles they need."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from replication.files.archives import read_member
from replication.files.atomic import new_folder, write_json
from replication.files.documents import read_yaml, validated
from replication.files.errors import StudyError
from replication.mind.hub_zips import removed_if_refused
from replication.mind.raw_files import ORIGIN, find_file
from replication.mind.releases import Excerpt, Pins, check_zip
from replication.study.strict import strict

Key = TypeVar("Key")
_MARK = b"\xef\xbb\xbf"  # a byte order mark, which `prepare` skips too
_HISTORY, _SHOWN = 3, 4  # columns of behaviors.tsv


@strict
class Chosen:
    """Numbers of impressions: those that are learned from, and those that are tested on."""

    train: tuple[int, ...]
    test: tuple[int, ...]


def load_chosen(path: Path) -> Chosen:
    """Read a list of numbers; `StudyError` where it is malformed or has a number twice."""
    chosen = validated(Chosen, read_yaml(path), path)
    if len({*chosen.train, *chosen.test}) < len(chosen.train) + len(chosen.test):
        raise StudyError(f"{path}: a number stands there twice; expected each impression once")
    return chosen


def write_excerpt(
    out: Path, release: str, origin: str, sources: list[Path], excerpt: Excerpt, pins: Pins,
    numbers: Path,
) -> None:  # fmt: skip
    """Fill the new folder `out` with `train/` and `dev/`, each with news.tsv and behaviors.tsv.

    Rows are those of the source, byte for byte, in the order of their numbers (articles: of their
    ids), so that two sources of the same rows make the same files. Each split keeps the articles
    that its candidates and histories name.

    sources  zips or folders of MIND's splits; what the first one lacks is looked for in the next
    numbers  the file of the impressions' numbers
    Errors: `StudyError`, in one line, for a source that lacks an impression, or an article that one
    names, and for a zip that is refused (`releases.check_zip`); `out` is then as it was.
    """
    chosen = load_chosen(numbers)
    with removed_if_refused(origin, sources[0]):
        found = _checked(origin, sources[0], excerpt, pins)
        rows = _rows(sources, chosen, excerpt, numbers, pins.ceiling)
        needed = {
            "train": _named(rows[number] for number in chosen.train),
            "dev": _named(rows[number] for number in chosen.test),
        }
        articles = _articles(sources, needed["train"] | needed["dev"], pins.ceiling)
    with new_folder(out) as folder:
        for split, ours in (("train", chosen.train), ("dev", chosen.test)):
            (folder / split).mkdir()
            with (folder / split / "behaviors.tsv").open("wb") as table:
                table.writelines(rows[number] for number in sorted(ours))
            with (folder / split / "news.tsv").open("wb") as table:
                table.writelines(articles[key] for key in sorted(needed[split], key=_by_number))
        write_json(
            folder / ORIGIN,
            {"release": release, "splits": dict.fromkeys(("train", "dev"), found)},
        )


def _checked(origin: str, source: Path, excerpt: Excerpt, pins: Pins) -> dict[str, Any]:
    """What is known of the source, and its sha256 where it is a zip."""
    found: dict[str, Any] = {"from": origin, "file": None, "verified": False}
    if source.suffix == ".zip":
        zipped = check_zip(source, pins.split(excerpt.release, excerpt.split), judged=True)
        found |= {"file": source.name, **vars(zipped)}
    return found


def _rows(
    sources: list[Path], chosen: Chosen, excerpt: Excerpt, numbers: Path, ceiling: int
) -> dict[int, bytes]:
    """Lines of behaviors.tsv by the number of their impression, all that are chosen."""
    wanted = [*chosen.train, *chosen.test]
    rows = _chosen_lines(sources, "behaviors.tsv", {b"%d" % n: n for n in wanted}, ceiling)
    if missing := [number for number in wanted if number not in rows]:
        others = f" and {len(missing) - 1:,} more" * (len(missing) > 1)
        raise StudyError(
            f"{sources[0]}: behaviors.tsv holds no impression {missing[0]}{others} of the "
            f"{len(wanted):,} of {numbers}; expected the {excerpt.split} split of "
            f"MIND-{excerpt.release}: get it again"
        )
    return rows


def _articles(sources: list[Path], wanted: set[bytes], ceiling: int) -> dict[bytes, bytes]:
    """Lines of news.tsv by the id of their article, all that are wanted."""
    articles = _chosen_lines(sources, "news.tsv", {key: key for key in wanted}, ceiling)
    if lacking := sorted(wanted - articles.keys(), key=_by_number):
        raise StudyError(
            f"{sources[0]}: news.tsv holds no article {lacking[0].decode(errors='replace')}, which "
            "an impression names: get it again"
        )
    return articles


def _by_number(article: bytes) -> tuple[int, bytes]:
    """N9 before N10."""
    return len(article), article


def _chosen_lines(
    sources: list[Path], name: str, keys: dict[bytes, Key], ceiling: int
) -> dict[Key, bytes]:
    """The first line of each key, which stands in its first column; what the first source has not
    is taken from the next."""
    found: dict[Key, bytes] = {}
    for source in sources:
        if len(found) == len(keys):
            break
        for line in _lines(source, name, ceiling):
            key = keys.get(line.split(b"\t", 1)[0])
            if key is not None:
                found.setdefault(key, line)
    return found


def _lines(source: Path, name: str, ceiling: int) -> Iterator[bytes]:
    """Each with a line feed at its end."""
    if source.suffix == ".zip":
        yield from _cut(read_member(source, name, limit=ceiling))
        return
    try:
        table = find_file(source, name)
    except StudyError as error:
        raise StudyError(f"data.path: {error}") from None
    with table.open("rb") as stream:
        yield from _cut(stream)


def _cut(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines of a text that comes in pieces; without the byte order mark at its start."""
    rest, first = b"", True
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield (line.removeprefix(_MARK) if first else line) + b"\n"
            first = False
    if rest:
        yield (rest.removeprefix(_MARK) if first else rest) + b"\n"


def _named(lines: Iterable[bytes]) -> set[bytes]:
    """The articles in histories and candidates; a malformed line is left to `prepare` to name."""
    found: set[bytes] = set()
    for line in lines:
        columns = line.rstrip(b"\r\n").split(b"\t")
        if len(columns) > _SHOWN:
            found.update(columns[_HISTORY].split())
            found.update(shown.partition(b"-")[0] for shown in columns[_SHOWN].split())
    return found
