"""Word vectors in GloVe's text format: derived from a model's own table, read, frozen or tuned."""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from replication.errors import StudyError

NORM = 6.0  # mean length of a derived vector: near a transformer's token vectors, not of a table


def word_table(model: Path, width: int) -> tuple[list[str], np.ndarray]:
    """Whole words of a BERT model's vocabulary and their vectors: PCA of its table to `width`.

    Returns w words and (w, width) float64. The table is centred, and the vectors share one scale:
    their mean length is `NORM`.
    Errors: `StudyError` where `width` exceeds the table's.
    """
    from safetensors import safe_open
    from tokenizers import Tokenizer

    with safe_open(str(model / "model.safetensors"), framework="np") as tensors:
        table = tensors.get_tensor("embeddings.word_embeddings.weight").astype(np.float64)
    vocabulary = Tokenizer.from_file(str(model / "tokenizer.json")).get_vocab()
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
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            word, *values = line.rstrip("\n").rsplit(" ", width)  # a word may hold spaces (840B)
            if len(values) != width:
                raise StudyError(
                    f"{path}, line {number}: {len(values)} numbers after the word, expected {width}"
                )
            if word not in wanted or word in ids:
                continue
            try:
                vector = np.array(values, dtype=np.float32)
            except ValueError:
                raise StudyError(
                    f"{path}, line {number}, word {word!r}: not a number among its {width} values"
                ) from None
            if not np.isfinite(vector).all():
                raise StudyError(f"{path}, line {number}, word {word!r}: a value is not finite")
            ids[word] = 2 + len(vectors)
            vectors.append(vector)
    if not vectors:
        raise StudyError(f"{path}: holds no word of the corpus; is it the right file?")
    table = np.stack(vectors)
    return ids, np.concatenate([np.zeros((1, width), np.float32), table.mean(0)[None], table])
