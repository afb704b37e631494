import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import small
from small import LAYERS, MINILM, WIDTH

from replication.encoders.checkpoints import checkpoint_digest, fetch_checkpoint, sha256
from replication.errors import StudyError

OUT = Path("checkpoints/tiny")


def fetch(params, entry, name: str = "tiny") -> None:
    fetch_checkpoint(name, replace(params, encoders={name: entry}))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def source(folders, tmp_path) -> Path:
    """A copy of the tiny BERT, to be spoiled, beside files that are not wanted."""
    folder = tmp_path / "source"
    shutil.copytree(folders["bert"], folder)
    for name in ("pytorch_model.bin", "modeling.py", "training_args.bin", "README.md"):
        (folder / name).write_bytes(b"not wanted")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.safetensors").write_bytes(b"not wanted")
    return folder


@pytest.fixture
def package(folders, tmp_path, monkeypatch) -> str:
    """An installed package that carries the tiny BERT in a subfolder."""
    root = tmp_path / "site" / "tiny_bert_files"
    shutil.copytree(folders["bert"], root / "model")
    (root / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(root.parent))
    yield "tiny_bert_files/model"
    sys.modules.pop("tiny_bert_files", None)


@pytest.fixture
def filled() -> Callable[[], None]:
    """Puts something in the way, which a failure must leave alone."""

    def fill() -> None:
        OUT.mkdir(parents=True)
        (OUT / "kept").write_text("of before", encoding="utf-8")

    return fill


def untouched() -> bool:
    return [p.name for p in OUT.parent.rglob("*")] == ["tiny", "kept"]


def test_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2
    assert sha256(tmp_path / "a") == expected


def test_a_package_with_the_pinned_bytes(params, folders, package):
    pins = {f: digest(folders["bert"] / f) for f in ("model.safetensors", "tokenizer.json")}
    fetch(params, small.encoder(Path(package), source="package", sha256=pins))
    names = {p.name for p in OUT.iterdir()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json", "source.json"}
    for name in names - {"source.json"}:
        assert (OUT / name).read_bytes() == (folders["bert"] / name).read_bytes()
    found = json.loads((OUT / "source.json").read_text(encoding="utf-8"))
    assert found == checkpoint_digest("tiny")
    assert found["sha256"] == {n: digest(OUT / n) for n in sorted(names - {"source.json"})}
    origin = {key: found[key] for key in ("encoder", "source", "name", "revision")}
    assert origin == {"encoder": "tiny", "source": "package", "name": package, "revision": None}


def test_other_bytes_than_the_pinned_ones(params, folders, package, filled):
    filled()
    entry = small.encoder(Path(package), source="package", sha256={"model.safetensors": "0" * 64})
    found = digest(folders["bert"] / "model.safetensors")
    with pytest.raises(StudyError) as raised:
        fetch(params, entry)
    message = str(raised.value)
    assert message.startswith("encoders.tiny.sha256: ") and "model.safetensors" in message
    assert found in message and f"expected {'0' * 64}" in message and "\n" not in message
    assert untouched()


def test_a_pinned_file_that_is_missing(params, package, filled):
    filled()
    entry = small.encoder(Path(package), source="package", sha256={"vocab.txt": "0" * 64})
    with pytest.raises(StudyError, match=r"encoders\.tiny\.sha256: .*vocab\.txt does not exist"):
        fetch(params, entry)
    assert untouched()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_package_here/model", "no_such_package_here is not installed; run `make setup`"),
        ("json.decoder/model", r"json\.decoder is not installed"),  # a module, no package
        ("no_such_package_here.inner/model", "is not installed; run `make setup`"),
        ("tiny_bert_files/elsewhere", "tiny_bert_files is installed, but has no elsewhere"),
    ],
)
def test_a_missing_package(params, package, filled, name, message):
    filled()
    with pytest.raises(StudyError, match=rf"encoders\.tiny\.name: .*{message}"):
        fetch(params, small.encoder(Path(name), source="package"))
    assert untouched()


def test_a_folder_gives_safetensors_and_json_alone(params, source):
    fetch(params, small.encoder(source))
    names = {p.name for p in OUT.iterdir()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json", "source.json"}
    assert (OUT / "model.safetensors").read_bytes() == (source / "model.safetensors").read_bytes()


def test_a_checkpoint_replaces_the_one_of_before(params, source, filled):
    filled()
    fetch(params, small.encoder(source))
    assert not (OUT / "kept").exists()


def test_a_folder_that_is_none(params, tmp_path, filled):
    filled()
    with pytest.raises(StudyError, match=r"encoders\.tiny\.name: .*nowhere is not a folder"):
        fetch(params, small.encoder(tmp_path / "nowhere"))
    assert untouched()


@pytest.mark.parametrize("tokenizer", [True, False])
def test_pickled_weights_are_refused(params, source, filled, tokenizer):
    filled()
    (source / "model.safetensors").unlink()
    if not tokenizer:
        (source / "tokenizer.json").unlink()
    with pytest.raises(StudyError, match=r"no \.safetensors file; pickled weights are not loaded"):
        fetch(params, small.encoder(source))
    assert untouched()


def test_a_folder_without_configuration(params, source):
    (source / "config.json").unlink()
    with pytest.raises(StudyError, match=r"encoders\.tiny: .* holds no config\.json"):
        fetch(params, small.encoder(source))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": WIDTH + 1}, rf"hidden_size is {WIDTH} in config\.json, not {WIDTH + 1}"),
        ({"layers": LAYERS + 1}, rf"num_hidden_layers is {LAYERS} in config\.json, not"),
    ],
)
def test_another_size_than_the_registry_says(params, source, filled, changes, message):
    filled()
    with pytest.raises(StudyError, match=rf"encoders\.tiny: {message}"):
        fetch(params, small.encoder(source, **changes))
    assert untouched()


def test_fewer_layers_are_a_choice(params, source):
    fetch(params, small.encoder(source, layers=LAYERS - 1))
    assert (OUT / "config.json").is_file()


def test_a_word_list_becomes_a_tokenizer(params, tmp_path):
    from tokenizers import Tokenizer

    folder = tmp_path / "old"
    shutil.copytree(MINILM, folder, ignore=shutil.ignore_patterns("tokenizer*", "special*"))
    fetch(params, small.encoder(folder, layers=6, width=384))
    texts = ["Mayor's “new” plan: 3.5% more!", "", "naïve 東京"]
    real = Tokenizer.from_file(str(MINILM / "tokenizer.json"))
    real.no_padding()
    ours = Tokenizer.from_file(str(OUT / "tokenizer.json"))
    for text in texts:
        assert ours.encode(text).ids == real.encode(text).ids


def test_a_folder_with_no_way_to_a_tokenizer(params, source, filled):
    filled()
    (source / "tokenizer.json").unlink()
    with pytest.raises(StudyError, match=r"no tokenizer\.json, nor can one be made") as raised:
        fetch(params, small.encoder(source))
    assert "\n" not in str(raised.value) and untouched()


def test_word_vectors_from_a_folder(params, folders):
    fetch(params, replace(params.encoders["glove"]))
    assert {p.name for p in OUT.iterdir()} == {"vectors.txt", "source.json"}
    original = folders["glove"] / "vectors.txt"
    assert (OUT / "vectors.txt").read_bytes() == original.read_bytes()


def test_word_vectors_that_are_not_there(params, source):
    with pytest.raises(StudyError, match=r"encoders\.tiny: .* holds no vectors\.txt"):
        fetch(params, small.encoder(source, family="words"))


def test_derived_word_vectors(params, package):
    fetch(params, small.encoder(Path(package), family="words", source="derived", width=5))
    lines = (OUT / "vectors.txt").read_text(encoding="utf-8").splitlines()
    words = [line.split(" ")[0] for line in lines]
    assert words[: len(small.WORDS)] == small.WORDS
    assert all(len(line.split(" ")) == 6 for line in lines)


def test_an_unknown_encoder_names_the_known_ones(params):
    with pytest.raises(StudyError, match="'gpt' is not accepted; accepted: bert, roberta"):
        fetch_checkpoint("gpt", params)


@pytest.mark.parametrize("text", [None, "{"])
def test_a_missing_or_damaged_source_names_the_command(params, text):
    if text:
        OUT.mkdir(parents=True)
        (OUT / "source.json").write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=r"source\.json: .*run `dvc repro checkpoint@tiny`"):
        checkpoint_digest("tiny")
