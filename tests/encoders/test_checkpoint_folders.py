"""Checkpoints from a folder: what is taken of it, and what is refused."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import small
import torch
from fetched import OUT, edit, fetch, untouched
from safetensors.torch import load_file
from small import LAYERS, MINILM

from replication.encoders.models.states import load_transformer
from replication.encoders.sources.checkpoints import parameter_count
from replication.files.errors import StudyError


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
