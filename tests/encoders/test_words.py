from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from small import MINILM
from tokenizers import Tokenizer, models

from replication.encoders.sources.words import NORM, derive_vectors, read_vectors
from replication.files.errors import StudyError

WIDTH = 300


@pytest.fixture(scope="module")
def derived(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("derived") / "vectors.txt"
    derive_vectors(MINILM, WIDTH, path)
    return path


@pytest.fixture(scope="module")
def vectors(derived) -> dict[str, np.ndarray]:
    """The file, parsed as GloVe's readers do."""
    found = {}
    for line in derived.read_text(encoding="utf-8").splitlines():
        word, _, values = line.partition(" ")
        assert word not in found and values.count(" ") == WIDTH - 1
        found[word] = np.fromstring(values, sep=" ")  # nine million, each by itself takes seconds
        assert len(found[word]) == WIDTH
    return found


@pytest.mark.slow
def test_derived_vectors_are_the_same_bytes_every_time(derived, tmp_path):
    derive_vectors(MINILM, WIDTH, tmp_path / "again.txt")
    assert (tmp_path / "again.txt").read_bytes() == derived.read_bytes()


@pytest.mark.slow
def test_derived_words_are_whole_words(vectors):
    vocabulary = (MINILM / "vocab.txt").read_text(encoding="utf-8").split("\n")
    special = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
    special |= {w for w in vocabulary if w.startswith("[unused")}
    pieces = {w for w in vocabulary if w.startswith("##") and len(w) > 2}
    assert list(vectors) == [w for w in vocabulary if w and w not in special | pieces]
    assert {"[", "]", "#", '"', ",", "the"} <= set(vectors)


def test_derived_vectors_keep_the_models_inner_products(vectors):
    table = load_file(MINILM / "model.safetensors")["embeddings.word_embeddings.weight"]
    vocabulary = (MINILM / "vocab.txt").read_text(encoding="utf-8").split("\n")
    rows = table[[i for i, w in enumerate(vocabulary) if w in vectors]]
    rows, ours = (rows - rows.mean(axis=0))[::50], np.stack(list(vectors.values()))
    assert np.linalg.norm(ours, axis=1).mean() == pytest.approx(NORM, rel=1e-4)
    pairs = np.triu_indices(len(rows), 1)
    assert np.corrcoef((rows @ rows.T)[pairs], (ours[::50] @ ours[::50].T)[pairs])[0, 1] > 0.98


@pytest.mark.parametrize(
    ("word", "expected"),
    [("car", {"cars", "vehicle", "automobile"}), ("football", {"soccer"}), ("paris", {"france"})],
)
def test_derived_neighbours_make_sense(vectors, word, expected):
    words = np.array(list(vectors))
    table = np.stack(list(vectors.values()))
    table = table / np.linalg.norm(table, axis=1, keepdims=True)
    nearest = words[np.argsort(-(table @ table[words.tolist().index(word)]))[1:16]]
    assert expected & set(nearest.tolist())


SMALL = ["[PAD]", "[", "##s", "sun", "##", "rain"]


def small_model(folder: Path, width: int = 4, words: list[str] = SMALL) -> Path:
    """A folder with a word-embedding table of correlated columns, and its tokenizer."""
    vocabulary = {w: i for i, w in enumerate(words)}
    Tokenizer(models.WordPiece(vocabulary, unk_token="[PAD]")).save(str(folder / "tokenizer.json"))
    rng = np.random.default_rng(1)
    table = rng.normal(size=(len(words), width)) @ rng.normal(size=(width, width)) + 3
    table = table.astype(np.float32)
    save_file({"embeddings.word_embeddings.weight": table}, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("width", [1, 7, 12])
def test_derived_inner_products_are_those_of_a_truncated_svd(tmp_path, width):
    model = small_model(tmp_path, 12, ["[PAD]", "##s", *(f"w{i}" for i in range(500))])
    derive_vectors(model, width, tmp_path / "vectors.txt")
    lines = (tmp_path / "vectors.txt").read_text(encoding="utf-8").splitlines()
    ours = np.array([[float(v) for v in line.split(" ")[1:]] for line in lines])

    rows = load_file(model / "model.safetensors")["embeddings.word_embeddings.weight"][2:]
    rows = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    left, values, _ = np.linalg.svd(rows, full_matrices=False)
    best = left[:, :width] * values[:width]  # the best approximation of that rank
    scale = NORM / np.linalg.norm(best, axis=1).mean()
    np.testing.assert_allclose(ours @ ours.T, best @ best.T * scale**2, atol=1e-2)
    np.testing.assert_allclose(np.abs(ours), np.abs(best * scale), atol=1e-4)  # up to signs


def test_a_single_bracket_is_a_word_and_a_special_token_is_none(tmp_path):
    derive_vectors(small_model(tmp_path), 3, tmp_path / "vectors.txt")
    lines = (tmp_path / "vectors.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split(" ")[0] for line in lines] == ["[", "sun", "##", "rain"]


def test_a_width_above_the_tables_is_refused(tmp_path):
    with pytest.raises(StudyError, match=r"width 5 of derived vectors .* accepted: 1 to 4"):
        derive_vectors(small_model(tmp_path), 5, tmp_path / "vectors.txt")


def write(folder: Path, text: str) -> Path:
    path = folder / "vectors.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_read_only_the_wanted_rows(tmp_path):
    path = write(tmp_path, "the 1 2\nsun 3 4e-1\n. . . 5 6\nrain -7 8\nsun 9 9\n")
    ids, table = read_vectors(path, ["rain", "sun", ". . .", "absent"], width=2)
    assert ids == {"sun": 2, ". . .": 3, "rain": 4}  # in the file's order; the first of two rows
    assert table.dtype == np.float32
    wanted = [[3, 0.4], [5, 6], [-7, 8]]
    assert table == pytest.approx(np.array([[0, 0], np.mean(wanted, 0), *wanted]), abs=1e-6)


def test_rows_that_are_not_wanted_may_hold_anything_but_another_width(tmp_path):
    ids, _ = read_vectors(write(tmp_path, "x nan y\nsun 1 2\n"), ["sun"], width=2)
    assert ids == {"sun": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("the 1 2\nsun 3\n", r"line 2: 1 numbers after the word, expected 2"),
        ("sun 1 2\nrain 3 4\nsun\n", r"line 3: 0 numbers after the word, expected 2"),
        ("the 1 2\nsun 3 four\n", r"line 2, word 'sun': not a number among its 2 values"),
        ("sun 3 nan\n", r"line 1, word 'sun': a value is not finite"),
        ("sun 3 inf\n", r"line 1, word 'sun': a value is not finite"),
        ("the 1 2\n", r"vectors\.txt: holds no word of the corpus"),
        ("", r"vectors\.txt: holds no word of the corpus"),
    ],
)
def test_a_malformed_file_names_itself_and_the_line(tmp_path, text, message):
    with pytest.raises(StudyError, match=message) as raised:
        read_vectors(write(tmp_path, text), ["sun"], width=2)
    assert str(tmp_path / "vectors.txt") in str(raised.value)


def test_a_wider_file_than_expected_holds_no_word(tmp_path):
    with pytest.raises(StudyError, match="holds no word"):
        read_vectors(write(tmp_path, "sun 1 2 3\n"), ["sun"], width=2)


def test_a_missing_file_names_the_command(tmp_path):
    path = tmp_path / "checkpoints" / "static" / "vectors.txt"
    with pytest.raises(StudyError, match=r"no such file; run `dvc repro checkpoint@static`"):
        read_vectors(path, ["sun"], width=2)
