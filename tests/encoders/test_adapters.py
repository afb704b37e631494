"""LoRA adapters on disk: what they change, merging them, and their base."""

import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small
import torch

from replication.encoders.models.embed import embed
from replication.encoders.models.states import load_transformer, write_states
from replication.encoders.sources.adapters import merge, model_folder
from replication.encoders.sources.checkpoints import fetch_checkpoint, parameter_count
from replication.encoders.tokens import prompted_ids
from replication.files.errors import StudyError
from replication.mind.columns.prepared import load_prepared
from replication.study import paths

LORA = Path("checkpoints/llama-lora")


def hidden(model) -> torch.Tensor:
    ids = torch.arange(30).view(2, 15)
    with torch.no_grad():
        return model(ids, attention_mask=torch.ones_like(ids)).last_hidden_state


def test_the_adapter_changes_the_embeddings_and_loads_back_to_the_same(adapted, tmp_path):
    base, first, again = (load_transformer(f, 3) for f in (Path("checkpoints/llama"), LORA, LORA))
    assert torch.equal(hidden(first), hidden(again))
    assert (hidden(first) - hidden(base)).abs().mean() > 0.1
    embed("llama", adapted)
    embed("llama-lora", adapted)
    states = {n: np.load(f"embeddings/{n}/title.states.npy") for n in ("llama", "llama-lora")}
    assert states["llama"].shape == states["llama-lora"].shape
    assert np.abs(states["llama"] - states["llama-lora"]).mean() > 0.1
    titles = load_prepared(paths.PREPARED).articles.title.to_list()
    write_states(tmp_path / "s.npy", LORA, 3, prompted_ids(titles, LORA, 9), "fp32", "", last=10)
    np.testing.assert_array_equal(np.load(tmp_path / "s.npy"), states["llama-lora"])


def test_merged_equals_peft_unmerged(adapted):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained("checkpoints/llama")
    with warnings.catch_warnings(action="ignore", category=FutureWarning):
        active = PeftModel.from_pretrained(base, LORA).eval()
    expected = hidden(active.get_base_model().model)
    torch.testing.assert_close(hidden(load_transformer(LORA, 3)), expected, rtol=1e-5, atol=1e-5)


def test_a_merged_checkpoint_serves_as_a_folder(adapted, tmp_path, monkeypatch):
    from transformers import AutoModel

    merge("llama-lora", adapted, tmp_path / "merged")
    ours = load_transformer(LORA, 3)
    expected = hidden(ours)
    torch.testing.assert_close(hidden(AutoModel.from_pretrained(tmp_path / "merged")), expected)
    with pytest.raises(StudyError, match="exists already; name a new folder"):
        merge("llama-lora", adapted, tmp_path / "merged")
    count = parameter_count(Path("checkpoints/llama"), 3)
    assert parameter_count(model_folder(LORA), 3) == count
    monkeypatch.chdir(tmp_path)
    entry = small.encoder(tmp_path / "merged", family="causal", finetune_layers=0)
    fetch_checkpoint("whole", replace(adapted, encoders={"whole": entry}, adapters={}))
    assert parameter_count(Path("checkpoints/whole"), 3) == count
    whole = load_transformer(Path("checkpoints/whole"), 3)
    weights, found = ours.state_dict(), whole.state_dict()
    assert weights.keys() == found.keys()
    assert all(torch.equal(weights[name], found[name]) for name in weights)
    # Weights merged in memory and those of a mapped file lie at other addresses modulo a vector's
    # width: a processor may add up the same products in another order.
    torch.testing.assert_close(hidden(whole), expected)


def test_a_changed_base_is_told_in_one_line(adapted_copy):
    for reader in (
        lambda: load_transformer(LORA, 3),
        lambda: embed("llama-lora", adapted_copy),
        lambda: merge("llama-lora", adapted_copy, Path("merged")),
    ):
        path = Path("checkpoints/llama/source.json")
        whole = path.read_text()
        path.write_text(whole.replace('"revision": null', '"revision": "other"'))
        with pytest.raises(StudyError, match=r"another llama than is now .*`dvc repro adapt@llama"):
            reader()
        path.unlink()
        with pytest.raises(StudyError, match="no such file; run `dvc repro checkpoint@llama"):
            reader()
        path.write_text(whole)
    assert not Path("merged").exists()


def test_merging_and_embedding_need_an_adapter(adapted_copy):
    with pytest.raises(StudyError, match="'llama' is not accepted; accepted: llama-lora"):
        merge("llama", adapted_copy, Path("merged"))
    shutil.rmtree(LORA)
    with pytest.raises(StudyError, match="holds no adapter; run `dvc repro adapt@llama-lora`"):
        merge("llama-lora", adapted_copy, Path("merged"))
    with pytest.raises(StudyError, match="holds no adapter; run `dvc repro adapt@llama-lora`"):
        embed("llama-lora", adapted_copy)
