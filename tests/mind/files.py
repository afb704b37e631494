"""Tiny data sets in MIND's file format."""

from collections.abc import Iterable, Sequence
from pathlib import Path

SAMPLE = Path(__file__).parents[3] / "shared" / "mind-sample"  # real rows, where they are to hand


def article(
    news_id: str,
    category: str = "news",
    subcategory: str = "newsworld",
    title: str = "A title",
    abstract: str = "An abstract.",
    url: str = "https://example.org",
    title_entities: str = "[]",
    abstract_entities: str = "[]",
) -> tuple[str, ...]:
    """The fields of one line of news.tsv, in the file's order."""
    entities = (title_entities, abstract_entities)
    return (news_id, category, subcategory, title, abstract, url, *entities)


def impression(
    impression_id: int | str = 1,
    user_id: str = "U1",
    time: str = "11/9/2019 8:36:57 AM",
    history: str = "N1 N2",
    candidates: str = "N3-1 N1-0",
) -> tuple[str, ...]:
    """The fields of one line of behaviors.tsv, in the file's order."""
    return (str(impression_id), user_id, time, history, candidates)


def write_rows(
    path: Path, rows: Iterable[Sequence[str]], end: str = "\n", last_end: bool = True
) -> Path:
    """Write rows as tab-separated UTF-8 lines; returns `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = end.join("\t".join(row) for row in rows)
    path.write_bytes((text + end if last_end else text).encode())
    return path


def write_tiny_mind(raw: Path) -> Path:
    """Three training articles and one of the test set's own; two users each, one in common."""
    write_rows(
        raw / "train" / "news.tsv",
        [
            article("N1", "sports", "soccer", 'The "real" début', "First."),
            article("N2", "news", "newsworld", "Second", ""),
            article("N3", "finance", "sports", "Third", "Last."),
        ],
    )
    write_rows(
        raw / "train" / "behaviors.tsv",
        [
            impression(7, "U5", "11/9/2019 12:00:01 AM", "N1 N2", "N3-1 N1-0"),
            impression(8, "U3", "11/10/2019 12:00:00 PM", "", "N2-1"),
            impression(9, "U5", "11/10/2019 11:59:59 PM", "N1 N2", "N2-0 N3-1 N1-1"),
        ],
    )
    write_rows(
        raw / "dev" / "news.tsv",
        [
            article("N9", "news", "newsus", "Only here", "New."),
            article("N2", "news", "newsworld", "Second", ""),
        ],
    )
    write_rows(
        raw / "dev" / "behaviors.tsv",
        [
            impression(7, "U1", "11/15/2019 6:00:00 AM", "N2", "N9-1 N2-0"),
            impression(8, "U5", "11/15/2019 7:00:00 AM", "N2", "N9-0 N2-1"),
        ],
    )
    return raw
