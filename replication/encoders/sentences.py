"""Token ids of whole sentences, some parts of which are cut at so many tokens.

A tokenizer may give other ids for a part alone than for the same part in its sentence:
SentencePiece's kind puts a mark before whatever it is given. So nothing is ever put together from
parts: the sentence is tokenised as a whole, and the tokens of a part are those that stand for its
characters alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Span = tuple[int, int]  # characters of a sentence: the first, and the one behind the last


@dataclass(frozen=True)
class Tokens:
    """Those of one sentence, in order: ids and, of each, its first character and the one behind its
    last. A mark that the tokenizer adds by itself has neither, which is (-1, -1)."""

    ids: np.ndarray  # (t,) int64
    spans: np.ndarray  # (t, 2) int64

    def part(self, spans: Sequence[Span]) -> np.ndarray:
        """Of each token which of some `spans`, in order and apart from each other, it lies in; -1
        where it lies in none, or stands for characters on both sides of an end: (t,) int64."""
        first, behind = np.array(spans, np.int64).T
        found = np.searchsorted(first, self.spans[:, 0], side="right") - 1
        return np.where((found >= 0) & (self.spans[:, 1] <= behind[found]), found, -1)

    def cut(self, spans: Sequence[Span], limit: int) -> "Tokens":
        """The same with no more than the first `limit` tokens of each of some `spans`."""
        part = self.part(spans)
        inside = part >= 0
        before = np.cumsum(inside) - 1  # tokens in any span before this one
        starts = np.searchsorted(part[inside], part)  # those in the spans before its own
        kept = ~inside | (before - starts < limit)
        return Tokens(self.ids[kept], self.spans[kept])


def tokenise(tokenizer: "Tokenizer", sentences: list[str]) -> list[Tokens]:
    """The tokens of each sentence, with those that the tokenizer adds at its ends."""
    found = []
    for encoding in tokenizer.encode_batch(sentences):
        flat = np.fromiter(chain.from_iterable(encoding.offsets), np.int64, 2 * len(encoding))
        spans = flat.reshape(-1, 2)
        spans[np.array(encoding.special_tokens_mask, bool)] = -1
        found.append(Tokens(np.array(encoding.ids, np.int64), spans))
    return found


def around(template: str, text: str) -> tuple[str, Span]:
    """`template` with `text` for its `{text}`, and where the text stands in it.

    The space before a text goes with it, as byte-level tokenizers join the two.
    """
    before, _, after = template.partition("{text}")
    start = len(before) - before.endswith(" ")
    return before + text + after, (start, len(before) + len(text))
