import json
from functools import cache

import numpy as np
import pytest
import torch
from small import LAYERS, LIMIT, MINILM, TITLES, WIDTH

from replication.encoders.models import states
from replication.encoders.models.states import load_transformer, write_states
from replication.encoders.tokens import piece_ids, prompted_ids, truncated_ids
from replication.files.errors import StudyError
from replication.mind.columns.ragged import Ragged

STORED = {"rtol": 1e-3, "atol": 1e-3}  # float16 keeps eleven bits


@cache
def whole_model(folder):
    from transformers import AutoModel

    return AutoModel.from_pretrained(folder, attn_implementation="eager").eval()


def hidden_states(folder, ids, mask) -> list[np.ndarray]:
    """All hidden states by Hugging Face's own whole model: (n, t, d) each."""
    with torch.no_grad():
        output = whole_model(folder)(
            torch.as_tensor(ids), attention_mask=torch.as_tensor(mask), output_hidden_states=True
        )
    return [state.numpy() for state in output.hidden_states]


def padded(tokens: Ragged, width: int, pad: int, side: str = "right"):
    """Ids (n, width) int64 and mask, written out row by row."""
    ids, mask = np.full((2, len(tokens), width), 0, np.int64)
    ids += pad
    for i in range(len(tokens)):
        row = tokens.row(i)
        at = slice(0, len(row)) if side == "right" else slice(width - len(row), width)
        ids[i, at], mask[i, at] = row, 1
    return ids, mask


def written(tmp_path, folder, depth, tokens, **options) -> np.ndarray:
    path = tmp_path / "states.npy"
    write_states(path, folder, depth, tokens, "fp32", "test", **options)
    return np.load(path)


PADS = {"bert": 0, "roberta": 1}


@pytest.mark.parametrize("kind", PADS)
@pytest.mark.parametrize("depth", range(LAYERS + 1))
def test_states_are_those_of_hugging_face(folders, tmp_path, kind, depth):
    tokens = piece_ids(TITLES, folders[kind], LIMIT)
    found = written(tmp_path, folders[kind], depth, tokens)
    assert found.dtype == np.float16 and found.shape == (tokens.offsets[-1], WIDTH)
    for i in range(len(tokens)):  # each article alone: no padding at all
        row = tokens.row(i).astype(np.int64)[None]
        expected = hidden_states(folders[kind], row, np.ones_like(row))[depth][0]
        here = found[tokens.offsets[i] : tokens.offsets[i + 1]]
        np.testing.assert_allclose(here, expected, **STORED)


@pytest.mark.parametrize("kind", PADS)
def test_states_do_not_depend_on_batches_or_order(folders, tmp_path, monkeypatch, kind):
    tokens = piece_ids(TITLES, folders[kind], LIMIT)
    whole = written(tmp_path, folders[kind], LAYERS, tokens)
    monkeypatch.setattr(states, "TOKENS_PER_BATCH", 13)  # an article or two at a time
    backwards = tokens.take(np.arange(len(tokens))[::-1])
    one_by_one = Ragged(written(tmp_path, folders[kind], LAYERS, backwards), backwards.offsets)
    again = one_by_one.take(np.arange(len(tokens))[::-1])
    np.testing.assert_allclose(again.values, whole, **STORED)


@pytest.mark.parametrize("kind", PADS)
@pytest.mark.parametrize("depth", range(LAYERS + 1))
def test_length_keeps_padding_as_hugging_face_pads(folders, tmp_path, kind, depth):
    tokens = piece_ids(TITLES, folders[kind], LIMIT)
    ids, mask = padded(tokens, LIMIT, PADS[kind])
    expected = hidden_states(folders[kind], ids, mask)[depth]
    found = written(tmp_path, folders[kind], depth, tokens, length=LIMIT)
    assert found.shape == (len(tokens) * LIMIT, WIDTH)
    np.testing.assert_allclose(found.reshape(expected.shape), expected, **STORED)


@pytest.mark.parametrize("last", [1, 4, 50])
def test_last_keeps_the_last_tokens(folders, tmp_path, last):
    tokens = piece_ids(TITLES, folders["bert"], LIMIT)
    whole = Ragged(written(tmp_path, folders["bert"], LAYERS, tokens), tokens.offsets)
    found = written(tmp_path, folders["bert"], LAYERS, tokens, last=last)
    expected = [whole.row(i)[-last:] for i in range(len(tokens))]
    np.testing.assert_array_equal(found, np.concatenate(expected))


@pytest.mark.parametrize("side", ["left", "right"])
def test_llama_equals_hugging_face_whichever_side_it_pads(folders, tmp_path, side):
    tokens = prompted_ids(TITLES, folders["llama"], LIMIT)
    width = int(tokens.lengths.max()) + 3
    ids, mask = padded(tokens, width, 0, side)
    expected = hidden_states(folders["llama"], ids, mask)[LAYERS][mask.astype(bool)]
    found = written(tmp_path, folders["llama"], LAYERS, tokens)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


def test_llama_at_full_depth_ends_in_its_norm(folders, tmp_path):
    tokens = prompted_ids(TITLES, folders["llama"], LIMIT)
    found = written(tmp_path, folders["llama"], LAYERS, tokens).astype(np.float32)
    squares = (found**2).mean(axis=1)  # root mean square 1: the norm's weights are ones
    np.testing.assert_allclose(squares, np.ones(len(squares)), atol=5e-3)


def test_the_real_minilm_cut_at_three_layers(tmp_path):
    texts = ["", "Mayor opens the new bridge", "Rain again"]
    tokens = piece_ids(texts, MINILM, 20)
    ids, mask = padded(tokens, 20, 0)
    expected = hidden_states(MINILM, ids, mask)[3][mask.astype(bool)]
    np.testing.assert_allclose(written(tmp_path, MINILM, 3, tokens), expected, **STORED)


def test_a_base_checkpoint_under_its_head_and_old_names(folders, tmp_path):
    """As BERT was first published: `bert.` before each name, LayerNorm's gamma and beta, and a head
    that is not used."""
    from safetensors.torch import load_file, save_file

    tensors = {"cls.predictions.bias": torch.zeros(5)}
    for name, value in load_file(folders["bert"] / "model.safetensors").items():
        name = name.replace("LayerNorm.weight", "LayerNorm.gamma")
        tensors[f"bert.{name.replace('LayerNorm.bias', 'LayerNorm.beta')}"] = value
    config = json.loads((folders["bert"] / "config.json").read_text(encoding="utf-8"))
    old = tmp_path / "old"
    old.mkdir()
    save_file(tensors, old / "model.safetensors", {"format": "pt"})
    text = json.dumps({**config, "architectures": ["BertForMaskedLM"]})
    (old / "config.json").write_text(text, encoding="utf-8")
    tokens = piece_ids(TITLES, folders["bert"], LIMIT)
    expected = written(tmp_path, folders["bert"], LAYERS, tokens)
    weights, found = (load_transformer(f, LAYERS).state_dict() for f in (folders["bert"], old))
    assert weights.keys() == found.keys()
    assert all(torch.equal(weights[name], found[name]) for name in weights)
    # Mapped from files whose headers differ, the weights lie at other addresses modulo a vector's
    # width: a processor may add up the same products in another order.
    np.testing.assert_allclose(written(tmp_path, old, LAYERS, tokens), expected, **STORED)


def test_roberta_counts_positions_from_its_padding_id(folders):
    """Position ids begin at 2 (padding_idx + 1) and padding keeps 1, whatever stands beside."""
    model = load_transformer(folders["roberta"], 0)
    table = model.embeddings
    ids = torch.tensor([[0, 9, 2, 1, 1], [0, 9, 8, 7, 2]])
    positions = torch.tensor([[2, 3, 4, 1, 1], [2, 3, 4, 5, 6]])
    vectors = table.word_embeddings(ids) + table.position_embeddings(positions)
    expected = table.LayerNorm(vectors + table.token_type_embeddings(torch.zeros_like(ids)))
    found = model(ids, attention_mask=(ids != 1).long()).last_hidden_state
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("last", [3, 40])
def test_llama_on_prompts_cut_as_released(folders, tmp_path, last):
    """Against Hugging Face's left padding by token 0 behind a mask: all positions that are read,
    those of padding too, to whatever length a batch is padded (D8)."""
    from transformers import AutoModel

    limit = 40
    tokens, padding = truncated_ids(TITLES, folders["llama"], limit, least=last)
    assert bool(padding.any()) == (last == limit)
    found = written(tmp_path, folders["llama"], LAYERS, tokens, last=last, padding=padding)
    own, _ = truncated_ids(TITLES, folders["llama"], limit)
    ids, mask = padded(own, limit + 2, 0, side="left")
    model = AutoModel.from_pretrained(folders["llama"]).eval()  # a masked row attends to nothing
    with torch.no_grad():
        states = model(torch.tensor(ids), attention_mask=torch.tensor(mask)).last_hidden_state
    expected = states[:, -last:].numpy()
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=2e-3, atol=2e-3)


def test_a_causal_model_keeps_no_keys_and_values(folders):
    model = load_transformer(folders["llama"], LAYERS)
    with torch.no_grad():
        assert model(torch.zeros(1, 3, dtype=torch.int64)).past_key_values is None
    assert next(model.parameters()).dtype == torch.float32 or torch.cuda.is_available()


def test_bf16_is_near_fp32(folders, tmp_path):
    tokens = piece_ids(TITLES, folders["bert"], LIMIT)
    exact = written(tmp_path, folders["bert"], LAYERS, tokens)
    write_states(tmp_path / "b.npy", folders["bert"], LAYERS, tokens, "bf16", "test")
    # bfloat16 keeps eight bits, and processors round at other places: 0.008 apart on average, 0.077
    # at most, with bf16 instructions and without, where states have a spread of 1.
    gaps = np.abs(np.load(tmp_path / "b.npy").astype(np.float32) - exact)
    assert gaps.mean() < 0.02 and gaps.max() < 0.2


def test_load_transformer_has_the_first_layers_alone(folders):
    for kind in PADS:
        model = load_transformer(folders[kind], 2)
        assert len(model.encoder.layer) == 2 and model.pooler is None
        assert not model.training and next(model.parameters()).dtype == torch.float32


def test_a_missing_checkpoint_names_the_command(tmp_path):
    with pytest.raises(StudyError, match=r"no config\.json; run `dvc repro checkpoint@minilm`"):
        load_transformer(tmp_path / "minilm", 2)
