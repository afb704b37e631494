"""The naive step computes what the package's does: one loss, one gradient for every parameter."""

import copy
import re
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))

import pytest
import torch
from exact import with_exact_states
from naive.training import WholeTransformer, loss_of, train_step
from torch import nn

from replication.encoders.tokens import token_limits
from replication.experiment.fitting import build_recommender
from replication.mind.columns.ragged import Ragged
from replication.recommenders import RECOMMENDERS, Batch, Recommender
from replication.study import paths
from replication.study.params import Params
from replication.training import loop

pytestmark = pytest.mark.slow

LAYERS = 3  # of the tiny project's transformer
CANDIDATES = [[3, 7, 9], [7, 3, 0], [12, 5, 3], [9, 1, 2]]  # the second drew one negative only
CLICKED = [[0, 0, 3, 3, 12], [0, 0, 0, 0, 0], [1, 2, 30, 4, 5], [0, 0, 0, 0, 7]]


@pytest.fixture
def batch() -> Batch:
    """Articles that stand in several places, and a user without a click."""
    candidates = torch.tensor(CANDIDATES)
    return Batch(candidates, candidates > 0, torch.tensor(CLICKED), torch.tensor([1, 2, 3, 0]))


@pytest.fixture(params=RECOMMENDERS)
def recommender(request) -> str:
    return request.param


@pytest.fixture(params=[1, LAYERS])
def twins(request, params, data, recommender) -> tuple[Recommender, Recommender]:
    """The package's model over cached states, and the naive one with the same parameters."""
    params = replace(params, recommender=recommender, finetune_layers=request.param)
    torch.manual_seed(1)
    fast = with_exact_states(build_recommender(params, data), params)
    nn.init.normal_(fast.no_click)  # it starts at zero: make it matter
    naive = copy.deepcopy(fast)
    naive.text = nn.ModuleDict({field: whole(params, field) for field in fast.fields})
    return fast, naive


def whole(params: Params, field: str, embeddings_train: bool = False) -> WholeTransformer:
    checkpoint = paths.CHECKPOINTS / params.encoder
    tokens = Ragged.load(paths.EMBEDDINGS / params.encoder, field)
    return WholeTransformer(
        checkpoint,
        params.finetune_layers,
        tokens,
        token_limits(params.text)[field],
        embeddings_train,
    )


def name_in_naive(name: str, cut: int) -> str:
    """Of the package's parameter `name`: a whole transformer counts the layers below, too."""
    place = re.fullmatch(r"(text\.\w+)\.top(\.encoder\.layer\.)(\d+)(.+)", name)
    return f"{place[1]}.transformer{place[2]}{cut + int(place[3])}{place[4]}" if place else name


def test_one_loss_and_the_same_gradients(twins, batch):
    fast, naive = (model.eval() for model in twins)  # no dropout
    loss, expected = loop.loss_of(fast(batch), batch), loss_of(naive, batch)
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-5)
    loss.backward()
    expected.backward()
    cut = LAYERS - len(fast.text["title"].top.encoder.layer)
    theirs = {n: p.grad for n, p in naive.named_parameters() if p.requires_grad}
    ours = {name_in_naive(n, cut): p.grad for n, p in fast.named_parameters() if p.requires_grad}
    assert ours.keys() == theirs.keys()
    for name, gradient in theirs.items():
        # A key's bias adds the same to all of a softmax: its gradient is nothing but rounding.
        error = (ours[name] - gradient).norm()
        assert error <= 1e-4 * gradient.norm() + 1e-6, name


def test_an_embedding_table_that_trains_changes_no_loss(twins, params, batch):
    """As released (D6): gradients pass the frozen layers on their way to it."""
    naive = twins[1].eval()
    expected = loss_of(naive, batch)
    cut = LAYERS - len(twins[0].text["title"].top.encoder.layer)
    params = replace(params, finetune_layers=LAYERS - cut)
    naive.text = nn.ModuleDict({field: whole(params, field, True) for field in naive.fields})
    loss = loss_of(naive.eval(), batch)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    transformer = naive.text["title"].transformer
    assert transformer.embeddings.word_embeddings.weight.grad.any()
    assert all(p.grad is None for p in transformer.encoder.layer[:cut].parameters())


def test_frozen_layers_neither_train_nor_drop(twins, batch):
    naive = twins[1].train()
    encoder = naive.text["title"]
    tuned = len(twins[0].text["title"].top.encoder.layer)
    layers = encoder.transformer.encoder.layer
    modes = [encoder.transformer.embeddings.training, *(layer.training for layer in layers)]
    assert modes == [False] * (1 + LAYERS - tuned) + [True] * tuned
    before = {name: p.detach().clone() for name, p in naive.named_parameters()}
    adam = torch.optim.Adam([p for p in naive.parameters() if p.requires_grad], lr=0.01)
    assert train_step(naive, adam, batch) > 0
    frozen = [n for n, p in naive.named_parameters() if torch.equal(p, before[n])]
    assert {n for n, p in naive.named_parameters() if not p.requires_grad} <= set(frozen)
    assert "text.title.transformer.encoder.layer.2.output.dense.weight" not in frozen
