"""Models that one device cannot hold: spread over memory and disk, or in 4 bits."""

import importlib.util
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from small import ADAPTER, LAYERS, LIMIT, TITLES
from tiny_models import CAUSAL, write_kind
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.integrations import accelerate

from replication.encoders.lora import adapt
from replication.encoders.models import embed, states
from replication.encoders.models.layouts import layers_of
from replication.encoders.models.states import cached_states, load_transformer, write_states
from replication.encoders.models.text import build_text
from replication.encoders.sources import held
from replication.encoders.sources.adapters import load_causal
from replication.encoders.sources.checkpoints import fetch_checkpoint
from replication.encoders.sources.held import four_bits, held_weights
from replication.encoders.sources.nf4 import round_base
from replication.encoders.tokens import prompted_ids
from replication.files.errors import StudyError
from replication.machine import processes
from replication.mind.columns.prepared import load_prepared
from replication.study import paths
from replication.study.checks import check
from replication.study.params import load_protocol

SPREAD = ("spread",)
on_a_processor = pytest.mark.skipif(
    torch.cuda.is_available(), reason="what is left to accelerate would lie on the GPU"
)


def only(monkeypatch, size: float) -> None:
    """Tell accelerate that the machine has so many bytes of memory, and no GPU."""
    monkeypatch.setattr(
        accelerate, "accelerate_max_memory", lambda given=None: dict(given or {"cpu": size})
    )


def too_little(folder: Path, monkeypatch) -> set[str]:
    """Give it so little memory that layers of the checkpoint lie in it, and others do not."""
    whole = (folder / "model.safetensors").stat().st_size
    for tenths in range(3, 16):
        only(monkeypatch, whole * tenths / 10)
        layers = layers_of(load_transformer(folder, LAYERS, held=SPREAD))
        if {p.device.type for p in layers.parameters()} == {"cpu", "meta"}:
            return {p.device.type for p in layers[-1].parameters()}
    return set()


@pytest.mark.slow
@on_a_processor
@pytest.mark.parametrize("kind", CAUSAL)
def test_layers_in_memory_and_on_disk_give_the_states_of_the_whole(kind, tmp_path, monkeypatch):
    """And nothing is written to disk but these: layers stay in the checkpoint's files."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / kind
    write_kind(kind, folder)
    tokens = prompted_ids(TITLES, folder, LIMIT)
    write_states(Path("whole.npy"), folder, LAYERS, tokens, "fp32", "test")
    assert too_little(folder, monkeypatch) == {"meta"}  # the last layer is on disk
    write_states(Path("spread.npy"), folder, LAYERS, tokens, "fp32", "test", held=SPREAD)
    np.testing.assert_array_equal(np.load("spread.npy"), np.load("whole.npy"))
    files = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {
        "whole.npy", "spread.npy", "config.json", "model.safetensors", "tokenizer.json",
    }  # fmt: skip


@on_a_processor
@pytest.mark.parametrize("pooling", [None, "mean"])
def test_an_entry_that_is_spread(params, folders, monkeypatch, pooling):
    """Its vectors, prompt kept or cut as released (D8), are those of the entry that is not."""
    asked, load = [], load_transformer
    monkeypatch.setattr(
        states, "load_transformer", lambda *a, **o: [asked.append(o["held"]), load(*a, **o)][1]
    )
    found = []
    for way in ((), SPREAD):
        entry = replace(params.encoders["llama"], held=way, pooling=pooling)
        study = replace(params, encoders={**params.encoders, "llama": entry}, encoder="llama")
        fetch_checkpoint("llama", study)
        if way:
            too_little(paths.CHECKPOINTS / "llama", monkeypatch)
        asked.clear()
        embed.embed("llama", study)
        protocol = replace(load_protocol("clean"), prompt="truncated")
        cut = build_text(replace(study, protocol=protocol), ["title"])["title"]
        assert set(asked) == {way} and len(asked) == 3
        path = Path("embeddings/llama/title.states.npy")
        found.append((np.load(path), np.array(cut.states)))
    for whole, spread in zip(*found, strict=True):
        np.testing.assert_array_equal(whole, spread)


def test_vectors_of_one_holding_are_not_taken_for_those_of_another(params, monkeypatch):
    """Neither the states that are kept nor those of an embedding that was cut off."""
    fetch_checkpoint("llama", params)
    made = []

    def plain(*arguments):
        *others, way = arguments
        made.append(way)
        write_states(*others)

    monkeypatch.setattr(states, "write_states", plain)
    tokens = prompted_ids(TITLES, paths.CHECKPOINTS / "llama", LIMIT)
    wanted = partial(
        cached_states, paths.CHECKPOINTS / "llama", LAYERS, tokens, None, "fp32", "test"
    )
    ways = [(), SPREAD, ("nf4",), ("nf4", "spread")]
    for way in ways * 2:
        wanted(held=way)
    assert made == ways and len(list(paths.STATES.iterdir())) == 4
    data, entries = load_prepared(paths.PREPARED), params.encoders
    keys = {
        embed._key(
            "llama",
            replace(params, encoders={**entries, "llama": replace(entries["llama"], held=way)}),
            data,
        )
        for way in ways
    }
    assert len(keys) == 4


@pytest.fixture
def with_a_gpu(monkeypatch):
    """As on a machine that has one, and bitsandbytes; nothing is computed."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(held, "computing_device", lambda: torch.device("cuda", 1))


def test_four_bits_are_the_same_for_a_model_and_for_the_base_of_an_adapter(with_a_gpu):
    """nf4 without a second quantisation, computed in bfloat16, on the GPU of the process."""
    found = held_weights("llama", ("nf4",))
    assert found["device_map"] == {"": torch.device("cuda", 1)} and found["dtype"] == "bfloat16"
    config = found["quantization_config"].to_dict()
    assert config["load_in_4bit"] and config["bnb_4bit_quant_type"] == "nf4"
    assert config["bnb_4bit_compute_dtype"] == "bfloat16"
    assert not config["bnb_4bit_use_double_quant"]
    of_adapters = adapt._weights("llama-lora", replace(ADAPTER, base_format="nf4"))
    assert of_adapters["quantization_config"].to_dict() == config
    both = held_weights("llama", ("nf4", "spread"))
    assert both["device_map"] == "auto" and both["quantization_config"].to_dict() == config
    assert held_weights("llama", SPREAD) == {"device_map": "auto"} and not held_weights("llama", ())


def test_four_bits_need_a_gpu_and_their_package(folders, tmp_path, monkeypatch):
    told = r"^encoders\.llama\.held: nf4 needs a GPU and .*`pip install bitsandbytes`\); accepted w"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    tokens = prompted_ids(TITLES, folders["llama"], LIMIT)
    with pytest.raises(StudyError, match=told):
        write_states(
            tmp_path / "s.npy", folders["llama"], LAYERS, tokens, "fp32", "test", held=("nf4",)
        )
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StudyError, match=told):
        held_weights("llama", ("nf4", "spread"))
    assert not (tmp_path / "s.npy").exists()


def test_one_process_spreads_a_model(monkeypatch):
    monkeypatch.setattr(processes, "count", lambda: 2)
    with pytest.raises(StudyError, match=r"^encoders\.llama\.held: spread .* in 2 processes; acce"):
        held_weights("llama", SPREAD)


@pytest.mark.parametrize(
    ("name", "tuned", "told"),
    [
        ("bert", {}, r"encoders\.bert\.held: \['spread'\] is not accepted; .* transformer: none"),
        ("glove", {}, r"encoders\.glove\.held: .* of family words: none"),
        ("llama", {}, r"adapters\.llama-lora\.base: llama is not accepted, whose held: \['spread'"),
        (
            "llama",
            {"adapters": {}, "encoder": "llama", "tuning": "finetuned", "tuned_parts": "lora"},
            r"params\.yaml: encoder: llama is not accepted, whose held",
        ),
    ],
)
def test_what_cannot_be_held_so_is_named(params, name, tuned, told):
    entry = replace(params.encoders[name], held=SPREAD)
    study = replace(params, encoders={**params.encoders, name: entry}, **tuned)
    with pytest.raises(StudyError, match=told) as refused:
        check(study, Path("params.yaml"))
    assert "\n" not in str(refused.value)


def test_bitsandbytes_rounds_as_adapters_are_merged(tmp_path, monkeypatch):
    """Where it is installed, which nothing here requires. A weight in 4 bits is, but for the last
    bit of bfloat16, that of `round_base`; the table of tokens and the head are as they were."""
    bitsandbytes = pytest.importorskip("bitsandbytes")
    four = {"dtype": "bfloat16", "quantization_config": four_bits()}
    monkeypatch.setattr(held, "in_four_bits", lambda *_: four)  # on a processor too
    folder = tmp_path / "llama"
    write_kind("llama", folder)  # for its tokenizer
    config = AutoConfig.from_pretrained(folder, hidden_size=64, intermediate_size=128, head_dim=16)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)  # rows are of whole blocks
    whole = load_causal(folder, "bfloat16").to(states.computing_device())
    before = {name: p.detach().clone() for name, p in whole.named_parameters()}
    round_base(whole)
    packed = load_causal(folder, **held_weights("llama", ("nf4",)))
    rounded = 0
    for name, p in packed.named_parameters():
        found = p
        if isinstance(p, bitsandbytes.nn.Params4bit):
            found = bitsandbytes.functional.dequantize_4bit(p.data, p.quant_state)
            rounded += 1
            assert not torch.equal(found, before[name]), name
        expected = whole.get_parameter(name)
        torch.testing.assert_close(found, expected, rtol=2**-7, atol=0.0)
    assert rounded == 7 * LAYERS
    assert torch.equal(packed.lm_head.weight, before["lm_head.weight"])
    tokens = prompted_ids(TITLES, folder, LIMIT)
    write_states(tmp_path / "s.npy", folder, LAYERS, tokens, "fp32", "test", held=("nf4",))
    gaps = []
    for row in range(len(tokens)):
        ids = torch.from_numpy(tokens.row(row).astype(np.int64))[None].to(whole.device)
        with torch.no_grad():
            expected = whole.get_decoder()(ids).last_hidden_state[0].float().cpu().numpy()
        start, end = tokens.offsets[row : row + 2]
        gaps.append(np.abs(np.load(tmp_path / "s.npy")[start:end] - expected).max())
    assert max(gaps) < 0.1  # both compute in bfloat16; states have a spread of 1
