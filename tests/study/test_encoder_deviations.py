"""D4 in texts, and D5 to D7: what the deviations of text encoders change."""

import numpy as np
import pytest
import torch
from nearness import apart
from tiny_study import change, recommender, with_schedule

from replication.encoders.models.text import StoredVectors, build_text
from replication.experiment.fitting import build_recommender
from replication.recommenders import RECOMMENDERS
from replication.recommenders.heads import ClsHead, TokenHead, WordHead
from replication.training.loop import train

NAMES = sorted(RECOMMENDERS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("masked", [True, False])
@torch.no_grad()
def test_d4_padded_tokens_weigh_in_the_news_vector_without_masks(name, masked):
    """The same article with room for 6 or for 9 tokens."""
    short, long = (recommender(name, masked=masked, length=n).eval() for n in (6, 9))
    articles = torch.arange(1, 21)
    assert apart(short.encode_news(articles), long.encode_news(articles)) == (not masked)


@pytest.mark.parametrize("encoder", ["static", "minilm"])
@pytest.mark.parametrize("tuning", ["frozen", "finetuned"])
def test_d4_text_comes_with_a_mask_or_at_one_length(params, encoder, tuning):
    articles = torch.arange(41)
    for masked in (True, False):
        choice = change(params, "clean", attention_masks=masked, encoder=encoder, tuning=tuning)
        x, mask = build_text(choice, ["title"])["title"](articles[:1])
        if masked:
            assert mask.shape == x.shape[:2] and x.shape[1] < 6  # the empty padding article
        else:
            assert mask is None and x.shape[1] == 6


@pytest.mark.parametrize("group", ["released", "clean"])
def test_d5_dropout_in_frozen_layers(params, group):
    """No layer tuned: whatever varies in training mode, varies in frozen layers."""
    flips = {"frozen_dropout": group == "released", "tune_embeddings": group == "released"}
    text = build_text(change(params, "clean", finetune_layers=0, **flips), ["title"])["title"]
    articles = torch.arange(1, 30)
    torch.manual_seed(0)
    text.train()
    (a, _), (b, _) = text(articles), text(articles)
    assert apart(a, b) == (group == "released")
    text.eval()
    (a, _), (b, _) = text(articles), text(articles)
    assert torch.equal(a, b)


def test_d5_alone_changes_training_mode_only(params):
    """Frozen layers run live or read from disk: in evaluation the same (float16 on disk)."""
    articles = torch.arange(1, 30)
    on, off = (
        build_text(change(params, "clean", frozen_dropout=d), ["title"])["title"].eval()
        for d in (True, False)
    )
    assert isinstance(off.below, StoredVectors) and not isinstance(on.below, StoredVectors)
    (a, mask), (b, _) = on(articles), off(articles)
    torch.testing.assert_close(a[mask], b[mask], rtol=0, atol=0.02)
    assert not any(p.requires_grad for p in on.below.parameters())
    assert on.train().below.training


def test_d5_and_d6_are_independent(params):
    """A trainable embedding table below frozen layers without dropout."""
    flips = {"frozen_dropout": False, "tune_embeddings": True}
    text = build_text(change(params, "clean", **flips), ["title"])["title"].train()
    assert not text.below.training and text.top.training
    trainable = {n for n, p in text.below.named_parameters() if p.requires_grad}
    assert trainable and all(n.startswith("embeddings.") for n in trainable)


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_d6_the_embedding_table_trains_as_released(params, data, layers):
    params = with_schedule(params, max_steps=1, batch_size=64)
    for tuned in (True, False):
        choice = change(params, "clean", tune_embeddings=tuned, finetune_layers=layers)
        torch.manual_seed(0)
        model = build_recommender(choice, data)
        trainable = {n for n, p in model.text.named_parameters() if p.requires_grad}
        inside = {n for n in trainable if ".below." in n}
        assert bool(inside) == tuned and all(".embeddings." in n for n in inside)
        assert bool(trainable - inside) == (layers > 0)
        before = {n: p.detach().clone() for n, p in model.text.named_parameters()}
        rng = np.random.default_rng(0)
        train(model, "fp32", data.train, choice, lambda _: 0.5, rng, "a run")
        moved = {n for n, p in model.text.named_parameters() if not torch.equal(p, before[n])}
        table = "title.below.embeddings.word_embeddings.weight"
        assert (table in moved) == tuned
        assert moved <= trainable


@pytest.mark.parametrize("name", NAMES)
def test_d7_heads(params, data, name):
    def head(group, encoder, tuning):
        cell = change(params, group, recommender=name, encoder=encoder, tuning=tuning)
        return type(build_recommender(cell, data).heads["title"])

    cells = [(e, t) for e in ("static", "minilm") for t in ("frozen", "finetuned")]
    assert {head("clean", *cell) for cell in cells} == {TokenHead}
    released = [head("released", *cell) for cell in cells]
    assert released == [TokenHead, WordHead, TokenHead, ClsHead]
