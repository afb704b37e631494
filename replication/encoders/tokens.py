"""Texts -> token ids, at their own lengths."""

import re
import textwrap
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from replication.encoders.sentences import Span, Tokens, around, tokenise
from replication.files.errors import StudyError
from replication.mind.columns.ragged import Ragged
from replication.study.params import Encoder, Text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FIELDS = ("title", "abstract")
PROMPT = "This news: {text} means in one word:"  # of a causal model, as released
GPU_SHARE = 0.3  # of a GPU's free memory: vectors of tokens stay there if they take no more
LLM_POSITIONS = 10  # last positions kept of a prompted text; NAML reads the last 5, as released

_WORD = re.compile(r"\w+|[^\w\s]")


def token_limits(text: Text) -> dict[str, int]:
    """Longest token sequence of each text field."""
    return {"title": text.title_tokens, "abstract": text.abstract_tokens}


def words_of(text: str) -> list[str]:
    """Lower-case words and single punctuation marks, in order."""
    return _WORD.findall(text.lower())


def word_ids(texts: list[str], vocabulary: dict[str, int], limit: int, unknown: int) -> Ragged:
    """First `limit` words of each text as int32 ids; an empty text is one padding token (0)."""
    rows = [[vocabulary.get(w, unknown) for w in words_of(t)[:limit]] or [0] for t in texts]
    return _ragged(rows)


def text_ids(
    encoder: Encoder, field: str, texts: list[str], checkpoint: Path, limit: int
) -> Ragged:
    """What a language model of the registry reads of each text, int32: its ids, in its prompt.

    field: what the texts are. Errors: as those of `piece_ids` and `prompted_pieces`.
    """
    key = f"text.{field}_tokens"
    if encoder.family == "causal":
        return prompted_ids(texts, checkpoint, limit, encoder.prompt or PROMPT)
    if encoder.prompt is not None:
        return prompted_pieces(texts, checkpoint, limit, encoder.prompt, key)
    return piece_ids(texts, checkpoint, limit, key)


def piece_ids(
    texts: list[str], checkpoint: Path, limit: int, key: str = "text.title_tokens"
) -> Ragged:
    """Subword ids of each text with the checkpoint's special tokens, cut at `limit`, int32.

    Errors: `StudyError` naming `key` where `limit` is below the number of special tokens.
    """
    tokenizer = load_tokenizer(checkpoint)
    special = tokenizer.num_special_tokens_to_add(is_pair=False)
    if limit < special:  # would not be cut at all
        raise StudyError(
            f"{key}: {limit} is not accepted; accepted: {special} or more, for "
            f"{checkpoint.name} adds {special} of its own to each text"
        )
    return _ragged(_cut(tokenizer, texts, limit))


def prompted_ids(texts: list[str], checkpoint: Path, limit: int, prompt: str = PROMPT) -> Ragged:
    """Subword ids of each text in the prompt, those of the whole sentence, int32.

    The text is cut at `limit` tokens and the prompt is kept whole around it.
    """
    rows = _prompted(texts, checkpoint, prompt)
    return _ragged([found.cut([span], limit).ids.tolist() for found, span in rows])


def prompted_pieces(
    texts: list[str], checkpoint: Path, limit: int, prompt: str, key: str = "text.title_tokens"
) -> Ragged:
    """Subword ids of each text in the prompt, `limit` of them with those of prompt and special
    tokens, int32.

    The text is cut and the prompt is kept whole around it.
    Errors: `StudyError` naming `key` where the prompt alone has more than `limit` tokens.
    """
    rows = []
    for found, span in _prompted(texts, checkpoint, prompt):
        others = len(found.ids) - int(np.count_nonzero(found.part([span]) >= 0))
        if others > limit:
            raise StudyError(
                f"{key}: {limit} is not accepted; accepted: {others} or more, for the "
                f"prompt of {checkpoint.name} has as many without its text"
            )
        rows.append(found.cut([span], limit - others).ids.tolist())
    return _ragged(rows)


def truncated_ids(
    texts: list[str], checkpoint: Path, limit: int, prompt: str = PROMPT, least: int = 0
) -> tuple[Ragged, np.ndarray]:
    """Ids of each prompted text as released (D8), int32, and how many of them are padding: (n,).

    The whole sentence is cut at `limit` tokens, so that a long text loses the prompt's end. One of
    fewer than `least` tokens, the positions that are read, is filled up on the left with token 0.
    """
    return _truncated(tuple(texts), load_tokenizer(checkpoint), limit, prompt, least)


@lru_cache(maxsize=4)  # an audit reads the same texts in dozens of runs
def _truncated(
    texts: tuple[str, ...], tokenizer: "Tokenizer", limit: int, prompt: str, least: int
) -> tuple[Ragged, np.ndarray]:
    rows = _cut(tokenizer, [around(prompt, text)[0] for text in texts], limit)
    padding = np.array([max(0, least - len(row)) for row in rows], np.int64)
    return _ragged([[0] * n + row for n, row in zip(padding, rows, strict=True)]), padding


def _cut(tokenizer: "Tokenizer", texts: list[str], limit: int) -> list[list[int]]:
    """Ids of each text, at most `limit`. The tokenizer, which is shared, is left as it was."""
    tokenizer.enable_truncation(limit)
    try:
        return [found.ids for found in tokenizer.encode_batch(texts)]
    finally:
        tokenizer.no_truncation()


def _prompted(
    texts: list[str], checkpoint: Path, prompt: str, at_once: int = 4096
) -> Iterator[tuple[Tokens, Span]]:
    tokenizer = load_tokenizer(checkpoint)
    for start in range(0, len(texts), at_once):
        pairs = [around(prompt, text) for text in texts[start : start + at_once]]
        found = tokenise(tokenizer, [sentence for sentence, _ in pairs])
        yield from zip(found, (span for _, span in pairs), strict=True)


def lowers_letters(checkpoint: Path) -> bool:
    """Whether the checkpoint's own tokenizer reads a text as it reads it in lower case.

    Where there is no tokenizer, as before a study is run, that is not known: False.
    """
    if not (checkpoint / "tokenizer.json").is_file():
        return False
    normaliser = load_tokenizer(checkpoint).normalizer
    return normaliser is not None and normaliser.normalize_str("A") == "a"


def load_tokenizer(checkpoint: Path) -> "Tokenizer":
    """The checkpoint's own tokenizer, which neither cuts nor pads; `StudyError` without one.

    It is read once a process, and shared: whoever changes it changes it back.
    """
    path = checkpoint / "tokenizer.json"
    try:
        found = path.stat()
    except FileNotFoundError:
        told = f"{path}: no such file; run `dvc repro checkpoint@{checkpoint.name}`"
        raise StudyError(told) from None
    return _read(path.absolute(), found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=4)
def _read(path: Path, changed: int, size: int) -> "Tokenizer":
    """It takes up to a second. changed, size: of the file, so that another one is read anew."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library has no narrower kind
        reason = textwrap.shorten(str(error), 200)
        raise StudyError(f"{path}: not a tokenizer's file ({reason}); get it again") from None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _ragged(rows: list[list[int]]) -> Ragged:
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    flat = (token for row in rows for token in row)
    return Ragged.from_lengths(np.fromiter(flat, np.int32, int(lengths.sum())), lengths)
