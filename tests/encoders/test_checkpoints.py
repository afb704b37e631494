import hashlib
import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import small
import torch
import transformers
from safetensors.torch import load_file, save_file
from small import LAYERS, MINILM, WIDTH

from replication.encoders.models.states import load_transformer
from replication.encoders.sources.checkpoints import (
    checkpoint_digest,
    fetch_checkpoint,
    parameter_count,
    sha256,
)
from replication.files.errors import StudyError

OUT = Path("checkpoints/tiny")


def fetch(params, entry, name: str = "tiny") -> None:
    fetch_checkpoint(name, replace(params, encoders={name: entry}, adapters={}))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def edit(path: Path, **changes) -> None:
    """Change keys of a JSON file; None takes a key away."""
    values = json.loads(path.read_text(encoding="utf-8")) | changes
    values = {key: value for key, value in values.items() if value is not None}
    path.write_text(json.dumps(values), encoding="utf-8")


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


@pytest.mark.parametrize("named", [True, False])
def test_pickled_weights_are_refused_and_the_way_out_works(params, folders, source, filled, named):
    """Old checkpoints are pickles, their names have a prefix, their architecture may have none."""
    filled()
    weights = load_file(source / "model.safetensors")
    (source / "model.safetensors").unlink()
    torch.save(
        {f"bert.{key}": value for key, value in weights.items()}, source / "pytorch_model.bin"
    )
    if not named:
        edit(source / "config.json", model_type=None)
    with pytest.raises(
        StudyError, match=r"model\.safetensors, and pickled weights are not"
    ) as raised:
        fetch(params, small.encoder(source))
    assert untouched()

    (program,) = re.findall('python -c "(.*)"', str(raised.value))
    exec(program)
    (converted,) = re.findall(r"encoders\.tiny\.name=(\S+)", str(raised.value))
    shutil.copy(source / "tokenizer.json", converted)
    fetch(params, small.encoder(Path(converted)))
    found = load_file(OUT / "model.safetensors")
    assert weights.keys() == found.keys()
    assert all(torch.equal(weights[key], found[key]) for key in weights)


@pytest.mark.parametrize("text", [None, "{"])
def test_a_folder_without_configuration(params, source, text):
    (source / "config.json").unlink()
    if text:
        (source / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=r"encoders\.tiny: .* holds no config\.json"):
        fetch(params, small.encoder(source))


def test_an_architecture_without_a_name(params, source):
    edit(source / "config.json", model_type=None)
    with pytest.raises(StudyError, match=r"encoders\.tiny: .*config\.json: model_type is missing"):
        fetch(params, small.encoder(source))


def test_shards(params, folders, source):
    (source / "model.safetensors").unlink()
    names = small.write_shards(folders["bert"], source / "new")
    for path in (source / "new").iterdir():
        shutil.move(path, source)
    (source / "consolidated.safetensors").write_bytes(b"not wanted")
    fetch(params, small.encoder(source))
    found = {p.name for p in OUT.iterdir()} - {"config.json", "tokenizer.json", "source.json"}
    assert found == {"model.safetensors.index.json", *names}
    whole = load_transformer(folders["bert"], LAYERS).state_dict()
    loaded = load_transformer(OUT, LAYERS).state_dict()
    assert whole.keys() == loaded.keys()
    assert all(torch.equal(whole[key], loaded[key]) for key in whole)
    assert parameter_count(OUT, LAYERS) == parameter_count(folders["bert"], LAYERS)

    (source / names[1]).unlink()
    with pytest.raises(StudyError, match=rf"encoders\.tiny: .* holds no {names[1]}"):
        fetch(params, small.encoder(source))


@pytest.mark.parametrize(
    ("index", "found"),
    [
        ({"weight_map": {"a": "../model.safetensors"}}, r"'\.\./model\.safetensors'"),
        ({"weight_map": {"a": "pytorch_model.bin"}}, r"'pytorch_model\.bin'"),
        ({"weight_map": ["a"]}, "'no table of weights'"),
        ({"weight_map": {}}, "'no table of weights'"),
        ({}, "'no table of weights'"),
    ],
)
def test_an_index_that_names_other_than_its_own_shards(params, source, index, found):
    text = json.dumps(index)
    (source / "model.safetensors.index.json").write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=rf"index\.json: expected safetensors .*, found {found}"):
        fetch(params, small.encoder(source))


def test_nobody_elses_file_is_linked(params, source):
    fetch(params, small.encoder(source))
    assert not (OUT / "model.safetensors").samefile(source / "model.safetensors")


# Under their pre-training heads, as published, and without.
@pytest.mark.parametrize(
    ("model", "config", "changes"),
    [
        ("BertForPreTraining", "BertConfig", {}),
        ("BertModel", "BertConfig", {}),
        ("RobertaForMaskedLM", "RobertaConfig", {"type_vocab_size": 1}),
        ("LlamaForCausalLM", "LlamaConfig", {"num_key_value_heads": 2}),
        ("LlamaForCausalLM", "LlamaConfig", {"tie_word_embeddings": True}),
        ("LlamaModel", "LlamaConfig", {}),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_parameters_are_those_of_the_model_that_is_used(tmp_path, model, config, changes, dtype):
    sizes = small._sizes() | {"vocab_size": 70} | changes
    whole = getattr(transformers, model)(getattr(transformers, config)(**sizes)).to(dtype)
    # A buffer that files of years ago hold beside the parameters.
    positions = {"embeddings.position_ids": torch.arange(80)}
    whole.save_pretrained(tmp_path)
    save_file(load_file(tmp_path / "model.safetensors") | positions, tmp_path / "model.safetensors")
    for layers in (0, 2, LAYERS):
        used = load_transformer(tmp_path, layers)
        assert parameter_count(tmp_path, layers) == sum(p.numel() for p in used.parameters())


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
