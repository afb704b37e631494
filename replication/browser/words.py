"""Words and signs of the pages, and text that is shown as it is."""

import re

from replication.paper.words import WORDS, Told, with_sign, word_counts

SIGNS = {word: sign for word, (sign, _) in WORDS.items()}
MEANINGS = {word: meaning for word, (_, meaning) in WORDS.items()}
signed, tally = with_sign, word_counts  # what a page shows of a state or a verdict


_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~:$&^=])")
# What the front end replaces after escapes have been undone: icons and addresses.
_REPLACED = re.compile(r":(?=material/|streamlit:|//)")
_JOINER = "\N{WORD JOINER}"
_CODE = re.compile(r"(`[^`\n]+`)")  # holds no markup of its own


def told_text(found: Told) -> str:
    """Such as `✓ agrees`, or `∅ not tested on MIND (demo: undecided)`."""
    return signed(found.word) + (f" ({found.aside})" if found.aside else "")


def plain(text: str) -> str:
    """Text from a file for where Markdown is read: nothing in it is markup, image or link, but for
    commands between backticks."""
    parts = enumerate(_CODE.split(text))
    return "".join(part if i % 2 else _escaped(part) for i, part in parts)


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", _REPLACED.sub(f":{_JOINER}", text))


def counted(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number:,} {noun}" + "s" * (number != 1)
