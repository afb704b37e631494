from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small import LAYERS, TEXTS, WIDTH
from torch import nn

from replication.encoders.models.embed import embed
from replication.encoders.models.text import TunedTransformer
from replication.encoders.models.text import build_text as build
from replication.encoders.sources.checkpoints import fetch_checkpoint
from replication.files.errors import StudyError
from replication.mind.columns.ragged import Ragged
from replication.study.params import load_protocol

ARTICLES = torch.arange(1 + len(TEXTS))
LIMITS = {"title": 9, "abstract": 11}
NEAR = {"rtol": 2e-3, "atol": 5e-3}  # float16 on disk below the cut, then the tuned layers
EXACT = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture
def project(params):
    """Builds the text encoder of `params` with changes, after the stages that it needs."""
    done = set()

    def text(name="bert", protocol="clean", fields=("title", "abstract"), d=None, **changes):
        chosen = replace(load_protocol(protocol), **(d or {}))
        changed = replace(params, encoder=name, protocol=chosen, **changes)
        if name not in done:
            fetch_checkpoint(name, changed)
            embed(name, changed)
            done.add(name)
        return build(changed, fields)

    return text


def reference(folders, name: str, field: str, length: int | None):
    """Hugging Face's whole forward over all articles in its own padding: states, mask."""
    from transformers import AutoModel

    tokens = Ragged.load(Path("embeddings", name), field)
    width = length or int(tokens.lengths.max())
    model = AutoModel.from_pretrained(folders[name]).eval()
    ids = torch.full((len(tokens), width), model.config.pad_token_id)
    mask = torch.zeros(len(tokens), width, dtype=torch.int64)
    for i in range(len(tokens)):
        row = torch.tensor(tokens.row(i).astype(np.int64))
        ids[i, : len(row)], mask[i, : len(row)] = row, 1
    with torch.no_grad():
        return model(ids, attention_mask=mask).last_hidden_state, mask.bool()


D5_D6 = {"frozen_dropout": True, "tune_embeddings": True}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bert", "roberta"])
@pytest.mark.parametrize("deviations", [{}, {"tune_embeddings": True}, {"frozen_dropout": True}])
def test_a_tuned_transformer_equals_the_whole_model(project, folders, name, deviations):
    tolerance, whole = EXACT if deviations else NEAR, {}
    for k in range(LAYERS + 1):
        text = project(name, d=deviations, tuning="finetuned", finetune_layers=k).eval()
        whole = whole or {field: reference(folders, name, field, None) for field in LIMITS}
        for field, (expected, real) in whole.items():
            x, mask = text[field](ARTICLES)
            assert torch.equal(mask, real)
            torch.testing.assert_close(x[real], expected[real], **tolerance)
            # Alone, in another order and repeated: the other articles do not matter.
            for articles in ([3], [7, 2, 2, 4]):
                x, mask = text[field](torch.tensor(articles))
                for row, article in enumerate(articles):
                    here = expected[article][real[article]]
                    torch.testing.assert_close(x[row][mask[row]], here, **tolerance)


@pytest.mark.parametrize("name", ["bert", "roberta"])
@pytest.mark.parametrize("deviations", [{}, D5_D6])
def test_without_masks_padding_has_the_whole_models_states(project, folders, name, deviations):
    deviations, whole = {**deviations, "attention_masks": False}, {}
    for k in range(LAYERS + 1):
        text = project(name, d=deviations, tuning="finetuned", finetune_layers=k).eval()
        whole = whole or {field: reference(folders, name, field, n) for field, n in LIMITS.items()}
        for field, (expected, _) in whole.items():
            limit = LIMITS[field]
            x, mask = text[field](ARTICLES)
            assert mask is None and x.shape == (len(ARTICLES), limit, WIDTH)
            torch.testing.assert_close(
                x, expected, **(EXACT if D5_D6.keys() & deviations else NEAR)
            )


@pytest.mark.parametrize("name", ["bert", "roberta"])
@pytest.mark.parametrize("masked", [True, False])
def test_a_frozen_transformer_has_the_whole_models_states(project, folders, name, masked):
    text = project(name, d={"attention_masks": masked}, fields=["title"])
    expected, real = reference(folders, name, "title", None if masked else 9)
    x, mask = text["title"](ARTICLES)
    assert not x[0].any()  # the padding article
    if masked:
        assert torch.equal(mask, real)
        expected = expected * real.unsqueeze(2)
    else:
        assert mask is None
    torch.testing.assert_close(x[1:].float(), expected[1:], rtol=1e-3, atol=1e-3)
    assert not list(text.parameters())


def trainable(module: nn.Module) -> set[str]:
    return {name for name, p in module.named_parameters() if p.requires_grad}


@pytest.mark.parametrize("k", range(LAYERS + 1))
def test_exactly_the_top_layers_train(project, folders, k):
    from transformers import AutoModel

    whole = AutoModel.from_pretrained(folders["bert"])
    layers = {
        f"top.encoder.layer.{i}.{name}"
        for i in range(k)
        for name, _ in whole.encoder.layer[0].named_parameters()
    }
    clean = project(tuning="finetuned", finetune_layers=k)["title"]
    assert trainable(clean) == layers == {name for name, _ in clean.named_parameters()}
    for i in range(k):  # and they are the checkpoint's last ones
        ours = clean.top.encoder.layer[i].state_dict()
        for name, value in whole.encoder.layer[LAYERS - k + i].state_dict().items():
            assert torch.equal(ours[name], value)

    table = {f"below.embeddings.{name}" for name, _ in whole.embeddings.named_parameters()}
    d6 = project(d={"tune_embeddings": True}, tuning="finetuned", finetune_layers=k)["title"]
    assert trainable(d6) == layers | table
    d5 = project(d={"frozen_dropout": True}, tuning="finetuned", finetune_layers=k)["title"]
    assert trainable(d5) == layers


@pytest.mark.parametrize("embeddings", [True, False])
def test_dropout_in_frozen_layers_is_d5(project, embeddings):
    def forward(d5: bool):
        d = {"frozen_dropout": d5, "tune_embeddings": embeddings}
        text = project(d=d, tuning="finetuned", finetune_layers=0)["title"].train()
        assert text.training and text.below.training == d5
        first, second = text(ARTICLES)[0], text(ARTICLES)[0]
        text.eval()
        assert not text.below.training
        assert torch.equal(text(ARTICLES)[0], text(ARTICLES)[0])
        return torch.equal(first, second)

    assert forward(d5=False)
    assert not forward(d5=True)


def test_tuned_layers_have_dropout_in_training(project):
    text = project(tuning="finetuned", finetune_layers=1)["title"].train()
    assert not torch.equal(text(ARTICLES)[0], text(ARTICLES)[0])


@pytest.mark.parametrize(("k", "deviations"), [(1, {}), (3, {}), (0, D5_D6), (2, D5_D6)])
def test_training_changes_what_trains_and_nothing_else(project, k, deviations):
    text = project(d=deviations, tuning="finetuned", finetune_layers=k).train()
    before = {name: p.detach().clone() for name, p in text.named_parameters()}
    chosen = [p for p in text.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(chosen, lr=0.01)
    for field in LIMITS:
        x, mask = text[field](ARTICLES[1:])
        ((x * mask.unsqueeze(2)) ** 3).sum().backward()
    optimizer.step()
    for name, p in text.named_parameters():
        # A key's bias adds the same to all of a softmax: its gradient is nothing but rounding.
        if not name.endswith("key.bias"):
            assert torch.equal(p, before[name]) != p.requires_grad, name


def test_transformers_have_a_copy_for_each_field(project):
    text = project(tuning="finetuned", finetune_layers=2)
    title, abstract = text["title"], text["abstract"]
    assert isinstance(title, TunedTransformer)
    assert not {id(p) for p in title.parameters()} & {id(p) for p in abstract.parameters()}


def test_fields_may_come_from_any_iterable(project):
    text = project("llama", fields=iter(["title", "abstract"]))
    assert list(text) == ["title", "abstract"]
    assert text["title"](ARTICLES)[0].shape[1] == 5


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("tuning", ["frozen", "finetuned"])
def test_word_vectors_of_a_project(project, masked, tuning):
    text = project("glove", d={"attention_masks": masked}, tuning=tuning)
    assert text["title"].table is text["abstract"].table  # one table
    assert trainable(text) == ({"title.table.weight"} if tuning == "finetuned" else set())
    vectors = np.load("embeddings/glove/vectors.npy")
    for field, limit in LIMITS.items():
        tokens = Ragged.load(Path("embeddings", "glove"), field)
        width = int(tokens.lengths.max()) if masked else limit
        ids = tokens.padded(width, side="right")
        x, mask = text[field](ARTICLES)
        np.testing.assert_array_equal(x.detach(), vectors[ids])
        if masked:
            assert mask.sum(1).tolist() == tokens.lengths.tolist()
        else:
            assert mask is None


@pytest.mark.parametrize("tuning", ["frozen", "finetuned"])
def test_the_padding_row_stays_zero_and_frozen_words_stay(project, tuning):
    text = project("glove", d={"attention_masks": False}, tuning=tuning)
    table = text["title"].table.weight
    before = table.detach().clone()
    bias = nn.Parameter(torch.ones(4))
    chosen = [p for p in text.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam([*chosen, bias], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        loss = sum(((text[field](ARTICLES)[0] + bias) ** 2).sum() for field in LIMITS)
        loss.backward()
        optimizer.step()
    assert not table[0].any()
    assert torch.equal(table, before) == (tuning == "frozen")


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize(("fields", "last"), [(("title",), 10), (("title", "abstract"), 5)])
def test_a_causal_model_gives_its_last_positions(project, masked, fields, last):
    text = project("llama", d={"attention_masks": masked}, fields=fields)
    assert list(text) == list(fields) and not list(text.parameters())
    for field in fields:
        states = np.load(f"embeddings/llama/{field}.states.npy").reshape(len(ARTICLES), 10, WIDTH)
        x, mask = text[field](ARTICLES)
        assert x.shape == (len(ARTICLES), last, WIDTH)
        assert not x[0].any()
        np.testing.assert_array_equal(x[1:], states[1:, -last:].astype(np.float32))
        assert mask is None if not masked else bool(mask.all())


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize(("fields", "last"), [(("title",), 10), (("title", "abstract"), 5)])
@pytest.mark.parametrize("limit", [3, 7, 14, 40])
def test_a_prompt_cut_as_released(params, folders, masked, fields, last, limit):
    """Against Hugging Face: the sentence cut at `limit`, token 0 on its left behind a mask (D8)."""
    from transformers import AutoModel, PreTrainedTokenizerFast

    fetch_checkpoint("llama", params)  # stage `embed` is not needed
    protocol = replace(load_protocol("clean"), prompt="truncated", attention_masks=masked)
    text = replace(params.text, title_tokens=limit, abstract_tokens=limit)
    changed = replace(params, encoder="llama", protocol=protocol, text=text)
    built = build(changed, fields)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folders["llama"] / "tokenizer.json"))
    model = AutoModel.from_pretrained(folders["llama"]).eval()
    for field in fields:
        x, mask = built[field](ARTICLES)
        assert x.shape == (len(ARTICLES), min(last, limit), WIDTH)
        assert bool(mask.all()) if masked else mask is None
        assert not x[0].any()  # the padding article
        for article, pair in enumerate(TEXTS, 1):
            sentence = f"This news: {pair[field == 'abstract']} means in one word:"
            ids = tokenizer(sentence)["input_ids"][:limit]
            mask = torch.tensor([[0] * (limit - len(ids)) + [1] * len(ids)])
            ids = torch.tensor([[0] * (limit - len(ids)) + ids])
            with torch.no_grad():
                expected = model(ids, attention_mask=mask).last_hidden_state[0, -last:]
            torch.testing.assert_close(x[article].float(), expected, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(
    ("name", "tuning", "file", "stage"),
    [
        ("bert", "frozen", "embeddings/bert/title.values.npy", "embed@bert"),
        ("bert", "frozen", "embeddings/bert/title.states.npy", "embed@bert"),
        ("glove", "frozen", "embeddings/glove/vectors.npy", "embed@glove"),
        ("bert", "finetuned", "checkpoints/bert/config.json", "checkpoint@bert"),
        ("bert", "finetuned", "checkpoints/bert/source.json", "checkpoint@bert"),
    ],
)
def test_a_missing_file_names_itself_and_the_command(project, name, tuning, file, stage):
    project(name, tuning=tuning)
    Path(file).unlink()
    with pytest.raises(StudyError, match=f"run `dvc repro {stage}`") as raised:
        project(name, tuning=tuning)
    assert file.rpartition("/")[2].split(".")[0] in str(raised.value)
    assert "\n" not in str(raised.value)
