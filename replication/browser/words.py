"""Words and signs of the pages, and text that is shown as it is."""

import re
from collections import Counter
from collections.abc import Iterable

from replication.report.texts import VERDICTS, kind_of

# The signs of the report, and one for what only a page that is read during a run can show.
SIGNS = {word: sign for word, (sign, _) in VERDICTS.items()} | {"running": "▶"}
MEANINGS = {word: meaning for word, (_, meaning) in VERDICTS.items()} | {
    "running": "its stage is being run at this moment; the page shows its result when reloaded"
}

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~:$&^=])")
# What the front end replaces after escapes have been undone: icons and addresses.
_REPLACED = re.compile(r":(?=material/|streamlit:|//)")
_JOINER = "\N{WORD JOINER}"
_CODE = re.compile(r"(`[^`\n]+`)")  # holds no markup of its own


def signed(word: str) -> str:
    """Sign and word, such as `✓ within` or `▶ running`."""
    return f"{SIGNS[kind_of(word)]} {word}"


def plain(text: str) -> str:
    """Text from a file for where Markdown is read: nothing in it is markup, image or link, but for
    commands between backticks."""
    parts = enumerate(_CODE.split(text))
    return "".join(part if i % 2 else _escaped(part) for i, part in parts)


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", _REPLACED.sub(f":{_JOINER}", text))


def tally(words: Iterable[str]) -> str:
    """How many there are of each verdict, such as `2 within, 1 partial`."""
    found = Counter(map(kind_of, words))
    return ", ".join(f"{found[word]} {word}" for word in SIGNS if found[word])


def counted(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number:,} {noun}" + "s" * (number != 1)
