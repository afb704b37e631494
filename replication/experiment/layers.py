"""What a theory of which layers to tune could use: beside a run that tunes a part of them, how the
loss's gradient is shared among all layers at the start, and how much each layer's output changes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from replication.encoders.models.layouts import layers_of
from replication.encoders.models.text import TunedTransformer, build_text
from replication.experiment.fitting import build_recommender, training_and_selection
from replication.experiment.start import FrozenStart
from replication.machine.precision import autocast
from replication.mind.columns.prepared import Impressions, Prepared
from replication.recommenders import Recommender
from replication.study.params import Params
from replication.study.registry import FAMILIES
from replication.training.operations import gradients

ARTICLES = 256  # whose states are compared, at most
ROUNDING = 1e-12


def layer_evidence(
    model: Recommender, params: Params, data: Prepared, start: FrozenStart, precision: str
) -> dict[str, Any]:
    """Of a trained recommender over an encoder that has layers, as layers.json has it.

    trained   parameters of the encoder that train, those of every text field
    gradient  of each layer of the encoder, the first one first: its share of the squared gradient
              of one batch, where training begins, were all layers to train; None of encoders that
              LoRA alone tunes, whose gradients would take as much memory again
    similar   of each layer, the linear CKA of its output before and after training, the mean over a
              text's tokens, of articles that are shown on the day held out; None of fewer than
              three
    articles  how many these are; unseen: those that were not shown before, all of them where there
              are three or more
    """
    shown, unseen = _held_out_articles(*training_and_selection(params, data))
    by_lora = FAMILIES[params.registry[params.encoder].family].by_lora
    return {
        "trained": sum(p.numel() for p in model.text.parameters() if p.requires_grad),
        "gradient": None if by_lora else _gradient_shares(params, data, start, precision),
        "similar": _similarities(model, params, shown, precision) if len(shown) > 2 else None,
        "articles": len(shown),
        "unseen": unseen,
    }


def linear_cka(x: Tensor, y: Tensor) -> float | None:
    """Linear centred kernel alignment of the same n items in (n, d) and (n, e), from 0 to 1
    (S. Kornblith and others: Similarity of Neural Network Representations Revisited, 2019); None
    where one of them does not vary."""
    x, y = (v.double() - v.double().mean(dim=0) for v in (x, y))
    apart = (x.T @ x).norm() * (y.T @ y).norm()
    return float((y.T @ x).norm() ** 2 / apart) if apart > ROUNDING else None


def _held_out_articles(learn: Impressions, select: Impressions) -> tuple[Tensor, int]:
    """Ids of at most ARTICLES articles, evenly taken from all of them, (n,) int64, and how many of
    them were not shown before."""
    shown, known = (np.unique(np.asarray(part.candidates.values)) for part in (select, learn))
    shown = shown[shown > 0]
    new = np.setdiff1d(shown, known)
    taken = new if len(new) > 2 else shown
    taken = taken[np.linspace(0, len(taken) - 1, min(len(taken), ARTICLES)).astype(int)]
    return torch.from_numpy(taken.astype(np.int64)), int(np.isin(taken, new).sum())


def _gradient_shares(
    params: Params, data: Prepared, start: FrozenStart, precision: str
) -> list[float]:
    layers = params.registry[params.encoder].layers
    every = replace(params, tuned_parts="top", finetune_layers=layers)
    torch.manual_seed(params.seed)
    model = build_recommender(every, data)
    if params.schedule.start == "frozen":
        start.give(model)
    learn, _ = training_and_selection(every, data)
    found = gradients(model, learn, every, precision)
    squares = np.zeros(layers)
    for text in _tuned(model.text):
        for i, layer in enumerate(layers_of(text.top).children()):
            for parameter in layer.parameters():
                gradient = found.get(parameter)
                squares[i] += 0.0 if gradient is None else float(gradient.float().square().sum())
    return [round(float(share), 6) for share in squares / max(squares.sum(), ROUNDING)]


def _similarities(
    model: Recommender, params: Params, articles: Tensor, precision: str
) -> list[float | None]:
    """Of the first text field. Layers below the cut stay what they were: 1."""
    field = next(iter(model.text))
    with torch.random.fork_rng(devices=[]):
        published = build_text(params, [field])[field].to(model.labels.device)
    articles = articles.to(model.labels.device)
    before, after = (_outputs(text, articles, precision) for text in (published, model.text[field]))
    pairs = zip(before, after, strict=True)
    found = [1.0] * params.cut + [linear_cka(x, y) for x, y in pairs]
    return [value and round(value, 6) for value in found]


@torch.inference_mode()
def _outputs(text: nn.Module, articles: Tensor, precision: str) -> list[Tensor]:
    """Of each layer above the cut, the mean over the tokens of each text: (n, d) float32."""
    [tuned] = _tuned(nn.ModuleDict({"text": text}))
    tuned.eval()
    mask = tuned.places(articles)[1].unsqueeze(2)
    with autocast(precision), _listening(tuned) as outputs:
        tuned(articles)
    return [(x.float() * mask).sum(dim=1) / mask.sum(dim=1) for x in outputs]


@contextmanager
def _listening(text: TunedTransformer) -> Iterator[list[Tensor]]:
    """What the layers give, (n, t, d) each, in the list that is handed out."""
    outputs: list[Tensor] = []

    def keep(_: nn.Module, __: Any, given: Any) -> None:
        outputs.append(given[0] if isinstance(given, tuple) else given)

    hooks = [layer.register_forward_hook(keep) for layer in layers_of(text.top).children()]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()


def _tuned(text: nn.ModuleDict) -> list[TunedTransformer]:
    return [module for module in text.values() if isinstance(module, TunedTransformer)]
