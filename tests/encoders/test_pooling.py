"""Models of embeddings: a prompt and a pooling of their own, keys of the encoder's entry."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small import LAYERS, TEXTS, WIDTH, at_hand

from replication.encoders.models.embed import embed
from replication.encoders.models.pooling import pooled
from replication.encoders.models.text import build_text
from replication.encoders.sources.checkpoints import fetch_checkpoint
from replication.files.errors import StudyError
from replication.study.checks import check

ARTICLES = torch.arange(1 + len(TEXTS))
NEAR = {"rtol": 2e-3, "atol": 5e-3}
POOLED = {
    "cls": lambda states: states[0],
    "last": lambda states: states[-1],
    "mean": lambda states: states.mean(0),
}


def changed(params, name, d=None, tuning="frozen", layers=1, **entry):
    return at_hand(params, name, replace(params.encoders[name], **entry), tuning, layers, d)


def expected(folder, pooling, prompt, limit, field=0):
    """By plain transformers, text by text: (articles, d)."""
    from transformers import AutoModel, PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    model = AutoModel.from_pretrained(folder).eval()
    rows = []
    for pair in TEXTS:
        ids = tokenizer(prompt.replace("{text}", pair[field]), truncation=True, max_length=limit)
        with torch.no_grad():
            states = model(torch.tensor([ids["input_ids"]])).last_hidden_state[0]
        rows.append(POOLED[pooling](states))
    return torch.stack(rows)


def test_pooled_by_hand():
    states = torch.tensor([[[1.0], [2], [9]], [[3], [5], [7]]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    found = {how: pooled(states, mask, how).flatten().tolist() for how in POOLED}
    assert found == {"cls": [1, 3], "last": [2, 7], "mean": [1.5, 5]}


@pytest.mark.slow
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("pooling", POOLED)
def test_a_transformer(params, folders, pooling, masked):
    """Frozen and tuned, with and without masks: a text has one vector, of its own tokens."""
    for tuning, layers in (("frozen", 0), ("finetuned", 0), ("finetuned", 2)):
        study = changed(
            params, "roberta", {"attention_masks": masked}, tuning, layers, pooling=pooling
        )
        if tuning == "frozen":
            fetch_checkpoint("roberta", study)
            embed("roberta", study)
            assert np.load("embeddings/roberta/title.states.npy").shape == (len(ARTICLES), WIDTH)
        found, mask = build_text(study, ["title"]).eval()["title"](ARTICLES)
        assert found.shape == (len(ARTICLES), 1, WIDTH)
        assert mask.tolist() == [[True]] * len(ARTICLES) if masked else mask is None
        right = expected(folders["roberta"], pooling, "{text}", 9)
        torch.testing.assert_close(found[1:, 0], right, **NEAR)


@pytest.mark.parametrize("prompt", [None, "Instruct: find news like it\nNews:{text}", "{text}"])
@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_a_causal_model(params, folders, pooling, prompt):
    text = replace(params.text, title_tokens=40, abstract_tokens=40)
    study = replace(changed(params, "llama", pooling=pooling, prompt=prompt), text=text)
    fetch_checkpoint("llama", study)
    embed("llama", study)
    words = prompt or "This news: {text} means in one word:"
    for fields in (["title"], ["title", "abstract"]):
        built = build_text(study, fields)
        for number, field in enumerate(fields):
            found, mask = built[field](ARTICLES)
            assert found.shape == (len(ARTICLES), 1, WIDTH) and bool(mask.all())
            right = expected(folders["llama"], pooling, words, 999, number)
            torch.testing.assert_close(found[1:, 0], right, **NEAR)


def test_a_prompt_cut_as_released(params, folders):
    """D8: token 0 fills up on the left and counts as the text's own."""
    study = changed(params, "llama", {"prompt": "truncated"}, pooling="last", prompt="on {text}!")
    fetch_checkpoint("llama", study)
    found, _ = build_text(study, ["title"])["title"](ARTICLES)
    assert found.shape == (len(ARTICLES), 1, WIDTH)


@pytest.mark.parametrize(
    ("name", "entry", "told"),
    [
        ("bert", {"prompt": "query:"}, r"encoders\.bert\.prompt: 'query:' is not accepted; accep"),
        ("bert", {"prompt": "{text} {text}"}, r"encoders\.bert\.prompt: .* around one \{text\}"),
        ("glove", {"pooling": "mean"}, r"encoders\.glove\.pooling: is not accepted; word vectors"),
        ("glove", {"prompt": "{text}"}, r"encoders\.glove\.prompt: is not accepted; word vectors"),
        ("llama", {"pooling": "cls"}, r"encoders\.llama\.pooling: cls is not accepted; accepted"),
    ],
)
def test_impossible_keys_are_refused(params, name, entry, told):
    with pytest.raises(StudyError, match=told) as refused:
        check(changed(params, name, **entry), Path("params.yaml"))
    assert "\n" not in str(refused.value)


def test_layers_still_train(params):
    study = changed(params, "bert", tuning="finetuned", layers=LAYERS, pooling="mean")
    fetch_checkpoint("bert", study)
    embed("bert", study)
    text = build_text(study, ["title"])["title"]
    (text(ARTICLES)[0] ** 3).sum().backward()
    assert all(p.grad is not None for p in text.parameters())
