import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small import LAYERS, TEXTS, WIDTH

from replication.encoders.models import making, states
from replication.encoders.models.embed import embed
from replication.encoders.sources.checkpoints import fetch_checkpoint
from replication.files.atomic import write_text
from replication.files.errors import StudyError
from replication.mind.columns.ragged import Ragged

FIELDS = {"title": 0, "abstract": 1}


def load(name: str, field: str) -> tuple[Ragged, np.ndarray | None]:
    folder = Path("embeddings") / name
    path = folder / f"{field}.states.npy"
    return Ragged.load(folder, field), np.load(path) if path.exists() else None


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_a_transformer(params, folders, name):
    from transformers import AutoModel, PreTrainedTokenizerFast

    fetch_checkpoint(name, params)
    embed(name, params)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folders[name] / "tokenizer.json"))
    model = AutoModel.from_pretrained(folders[name]).eval()
    for field, limit in (("title", 9), ("abstract", 11)):
        tokens, states = load(name, field)
        assert states.dtype == np.float16 and len(states) == tokens.offsets[-1]
        for i, text in enumerate(["", *(pair[FIELDS[field]] for pair in TEXTS)]):
            ids = tokenizer(text, truncation=True, max_length=limit)["input_ids"]
            assert tokens.row(i).tolist() == ids
            with torch.no_grad():
                expected = model(torch.tensor([ids])).last_hidden_state[0].numpy()
            here = states[tokens.offsets[i] : tokens.offsets[i + 1]]
            np.testing.assert_allclose(here, expected, rtol=1e-3, atol=1e-3)


def test_embedding_again_gives_the_same_bytes(params):
    """What comes after is then not rerun: no time and no date stands in the folder."""
    fetch_checkpoint("bert", params)
    folder = Path("embeddings/bert")
    embed("bert", params)
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    embed("bert", params)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


def test_a_causal_model_keeps_the_last_ten_positions_of_the_prompted_text(params, folders):
    from transformers import AutoModel, PreTrainedTokenizerFast

    fetch_checkpoint("llama", params)
    embed("llama", params)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folders["llama"] / "tokenizer.json"))
    model = AutoModel.from_pretrained(folders["llama"]).eval()
    tokens, states = load("llama", "title")
    assert states.shape == (len(tokens) * 10, WIDTH)
    for i, text in enumerate(["", *(title for title, _ in TEXTS)]):
        ids = tokenizer(f"This news: {text} means in one word:")["input_ids"]
        if len(tokenizer(f" {text}", add_special_tokens=False)["input_ids"]) > 9:
            continue  # cut: test_tokens has these
        assert tokens.row(i).tolist() == ids[-10:]
        with torch.no_grad():
            expected = model(torch.tensor([ids])).last_hidden_state[0, -10:].numpy()
        np.testing.assert_allclose(states[10 * i : 10 * i + 10], expected, rtol=2e-3, atol=2e-3)


def test_word_vectors(params, folders):
    fetch_checkpoint("glove", params)
    embed("glove", params)
    text = (folders["glove"] / "vectors.txt").read_text(encoding="utf-8")
    known = {line.split(" ")[0]: line.split(" ")[1:] for line in text.splitlines()}
    table = np.load("embeddings/glove/vectors.npy")
    assert not table[0].any()
    # "mayor" and the words of the test-only title have no vector: row 1, the mean of those in use.
    np.testing.assert_allclose(table[1], table[2:].mean(axis=0), atol=1e-6)
    for field, limit in (("title", 9), ("abstract", 11)):
        tokens, states = load("glove", field)
        assert states is None
        assert tokens.row(0).tolist() == [0]
        for i, pair in enumerate(TEXTS, 1):
            words = pair[FIELDS[field]].replace(",", " ,").replace(":", " :").split()[:limit]
            assert len(tokens.row(i)) == max(1, len(words))
            for word, row in zip(words, tokens.row(i), strict=False):
                if word in known:
                    np.testing.assert_allclose(table[row], np.float32(known[word]))
                else:
                    assert row == 1


@pytest.mark.parametrize("name", ["bert", "llama", "glove"])
def test_a_missing_checkpoint_names_the_command(params, name):
    with pytest.raises(
        StudyError, match=f"(no such file|missing.*); run `dvc repro checkpoint@{name}`"
    ):
        embed(name, params)
    assert not Path("embeddings", name).exists()


def test_missing_data_name_the_command(params):
    fetch_checkpoint("bert", params)
    Path("data/prepared/articles.parquet").unlink()
    with pytest.raises(StudyError, match=r"articles\.parquet.*run `dvc repro prepare`"):
        embed("bert", params)


def test_an_unknown_encoder_names_the_known_ones(params):
    with pytest.raises(StudyError, match="'gpt' is not accepted; accepted: bert, roberta"):
        embed("gpt", params)


def test_a_failure_leaves_the_folder_of_before(params):
    fetch_checkpoint("bert", params)
    embed("bert", params)
    before = Path("embeddings/bert/title.values.npy").read_bytes()
    few = replace(params, text=replace(params.text, abstract_tokens=1))
    with pytest.raises(StudyError, match=r"text.abstract_tokens: 1 is not accepted"):
        embed("bert", few)
    assert Path("embeddings/bert/title.values.npy").read_bytes() == before
    assert [p.name for p in Path("embeddings").iterdir()] == ["bert"]


def test_fewer_layers_than_the_checkpoint_has(params, folders):
    from transformers import AutoModel

    shallow = replace(params.encoders["bert"], layers=LAYERS - 1)
    params = replace(params, encoders={"bert": shallow}, adapters={})
    fetch_checkpoint("bert", params)
    embed("bert", params)
    tokens, states = load("bert", "title")
    model = AutoModel.from_pretrained(folders["bert"]).eval()
    ids = torch.tensor([tokens.row(1).tolist()])
    with torch.no_grad():
        expected = model(ids, output_hidden_states=True).hidden_states[LAYERS - 1][0].numpy()
    here = states[tokens.offsets[1] : tokens.offsets[2]]
    np.testing.assert_allclose(here, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("done", ["title", "abstract"])
def test_a_run_that_was_cut_off_is_gone_on_with(params, monkeypatch, done):
    """After the titles, or half of the abstracts."""
    fetch_checkpoint("llama", params)
    folder = Path("embeddings/llama")
    monkeypatch.setattr(states, "SAVE_EVERY", 0)
    monkeypatch.setattr(states, "TOKENS_PER_BATCH", 60)
    embed("llama", params)
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    shutil.rmtree(folder)
    records = []

    def killed(path, text):
        write_text(path, text)
        records.append(path.name)
        if path.name == f".{done}.done":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(making, "write_text", killed)
        embed("llama", params)
    assert not folder.exists()
    again = []
    monkeypatch.setattr(making, "write_text", lambda p, t: again.append(p.name) or write_text(p, t))
    embed("llama", params)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == whole
    assert [p.name for p in folder.parent.iterdir()] == ["llama"]
    assert (".title.done" in again) == (done == "title") and records
