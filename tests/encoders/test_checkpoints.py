import hashlib
import json
from pathlib import Path

import pytest
import small
import torch
import transformers
from fetched import OUT, fetch, untouched
from safetensors.torch import load_file, save_file
from small import LAYERS, WIDTH

from replication.encoders.models.states import load_transformer
from replication.encoders.sources.checkpoints import (
    checkpoint_digest,
    fetch_checkpoint,
    parameter_count,
    sha256,
)
from replication.files.errors import StudyError


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


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
