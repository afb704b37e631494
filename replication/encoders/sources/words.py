"""Word vectors in GloVe's text format: derived from a model's own table, read, frozen or tuned."""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from replication.encoders.sources.tensors import opened
from replication.encoders.tokens import load_tokenizer
from replication.files.errors import StudyError, shown

NORM = 6.0  # mean length of a derived vector: near a transformer's token vectors, not of a table


def word_table(model: Path, width: int) -> tuple[list[str], np.ndarray]:
    """Whole words of a BERT model's vocabulary and their vectors: PCA of its table to `width`.

    Returns w words and (w, width) float64. The table is centred, and the vectors share one scale:
    their mean length is `NORM`.
    Errors: `StudyError` where `width` exceeds the table's.
    """
    with opened(model / "model.safetensors") as tensors:
        table = tensors.get_tensor("embeddings.word_embeddings.weight").astype(np.float64)
    vocabulary = load_tokenizer(model).get_vocab()
    if table.ndim != 2 or not np.isfinite(table).all() or max(vocabulary.values()) >= len(table):
        raise StudyError(
            f"{model / 'model.safetensors'}: embeddings.word_embeddings.weight: expected a finite "
            f"row for each of the {len(vocabulary)} tokens of tokenizer.json"
        )
    if width > table.shape[1]:
        raise StudyError(
            f"encoders: width {width} of derived vectors is not accepted; accepted: 1 to "
            f"{table.shape[1]}, the width of {model}"
        )
    inner = re.compile(r"##.+|\[.+\]")  # pieces inside a word; special tokens
    words = sorted((i, w) for w, i in vocabulary.items() if not inner.fullmatch(w))
    rows = table[[i for i, _ in words]]  # (words, d)
    rows -= rows.mean(axis=0)
    _, axes = np.linalg.eigh(rows.T @ rows)  # eigenvalues ascending
    axes = axes[:, ::-1][:, :width]  # (d, width)
    # An eigenvector's sign is arbitrary: fix it, so that the file is the same everywhere.
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(width)])
    vectors = rows @ axes
    return [w for _, w in words], vectors * (NORM / np.linalg.norm(vectors, axis=1).mean())


def derive_vectors(model: Path, width: int, path: Path) -> None:
    """Write `word_table` as GloVe text.

    So the demo's static vectors are real: they come from pre-training on real text, like GloVe's.
    """
    import polars as pl

    words, vectors = word_table(model, width)
    frame = pl.DataFrame({"word": words}).hstack(
        pl.DataFrame(vectors, schema=[f"x{i}" for i in range(width)], orient="row")
    )
    frame.write_csv(
        path, separator=" ", include_header=False, float_precision=5, quote_style="never"
    )


def decoded(path: Path, number: int, word: bytes) -> str:
    """The word of line `number`; `StudyError` where it is not UTF-8."""
    try:
        return word.decode("utf-8")
    except UnicodeDecodeError:
        raise StudyError(
            f"{path}, line {number}: the word {shown(word)} is not UTF-8; expected UTF-8 text"
        ) from None


def parsed(path: Path, number: int, word: str, values: list[bytes]) -> np.ndarray:
    """The vector of line `number`, (values,) float32; `StudyError` unless all are finite."""
    try:
        with np.errstate(over="ignore"):  # told below
            vector = np.array(values, dtype=np.float32)
    except ValueError:
        raise StudyError(
            f"{path}, line {number}, word {word!r}: not a number among its {len(values)} values; "
            "expected numbers separated by one space"
        ) from None
    if not np.isfinite(vector).all():
        raise StudyError(
            f"{path}, line {number}, word {word!r}: a value is not finite; expected finite numbers"
        )
    return vector


def read_vectors(path: Path, words: Iterable[str], width: int) -> tuple[dict[str, int], np.ndarray]:
    """The rows of a GloVe text file whose words are wanted.

    Returns ids and a table (2 + found, width) float32: row 0 is padding (zeros), row 1 is any word
    without a vector (the mean of the others), the rest are in the order of the file.
    Errors: `StudyError` naming file and line where a row is malformed, or the missing file.
    """
    if not path.is_file():
        raise StudyError(f"{path}: no such file; run `dvc repro checkpoint@{path.parent.name}`")
    wanted = set(words)
    ids: dict[str, int] = {}
    vectors: list[np.ndarray] = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            # A word may hold spaces (840B).
            first, *values = line.rstrip(b"\r\n").rsplit(b" ", width)
            if len(values) != width:
                raise StudyError(
                    f"{path}, line {number}: {len(values)} numbers after the word, expected {width}"
                )
            word = decoded(path, number, first)
            if word not in wanted or word in ids:
                continue
            ids[word] = 2 + len(vectors)
            vectors.append(parsed(path, number, word, values))
    if not vectors:
        raise StudyError(f"{path}: holds no word of the corpus; is it the right file?")
    table = np.stack(vectors)
    return ids, np.concatenate([np.zeros((1, width), np.float32), table.mean(0)[None], table])
