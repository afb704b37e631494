"""The package's own NRMS over a model of a known shape and data of MIND-small's: for timing.

Weights and, in profiles, the states below the cut are random numbers: they take as long as any
others.
"""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from mind_files import ARTICLES, write_mind
from titles import titles
from transformers import BertConfig, BertModel

from replication.encoders.models import states as hidden
from replication.experiment import fitting as experiment
from replication.files.atomic import write_json
from replication.files.digest import sha256
from replication.machine.precision import computing_device, resolve_precision
from replication.mind.columns.prepared import Impressions, Prepared, load_prepared
from replication.mind.columns.ragged import Ragged
from replication.mind.prepare import prepare
from replication.recommenders import Batch, Recommender, Sizes
from replication.study import paths
from replication.study.encoders import Encoder
from replication.study.params import Params, as_mapping, grid_cell, load_params
from replication.training import loop
from replication.training.batches import batches, draw_each_epoch

BATCH, NEGATIVES, HISTORY = 16, 2, 50
MINILM = BertConfig(
    hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536
)
BERT_BASE = BertConfig()
SHAPES = {"minilm": MINILM, "bert-base": BERT_BASE}


def write_study(folder: Path, share: float = 1.0, encoder: str = "minilm") -> Prepared:
    """Prepared data, checkpoint and tokenised titles, where the package looks for them."""
    write_mind(folder / "raw", share)
    prepare(folder / "raw", folder / paths.PREPARED)
    torch.manual_seed(1)
    checkpoint = folder / paths.CHECKPOINTS / encoder
    BertModel(SHAPES[encoder]).save_pretrained(checkpoint)
    write_source(checkpoint)
    (folder / paths.EMBEDDINGS / encoder).mkdir(parents=True)
    titles(round(share * ARTICLES), 1).save(folder / paths.EMBEDDINGS / encoder, "title")
    return load_prepared(folder / paths.PREPARED)


def write_source(checkpoint: Path) -> None:
    """What stage `checkpoint` leaves beside weights: their origin and digests."""
    digests = {path.name: sha256(path) for path in sorted(checkpoint.iterdir())}
    write_json(checkpoint / "source.json", {"source": "random weights", "sha256": digests})


def parameters(layers: int, encoder: str = "minilm") -> Params:
    """NRMS under the clean protocol, the top `layers` layers tuned, published widths."""
    shape, params = SHAPES[encoder], load_params()
    entry = Encoder(
        "transformer", "folder", encoder, shape.num_hidden_layers, shape.hidden_size, layers
    )
    params = replace(
        params,
        encoders={**params.encoders, encoder: entry},
        sweep=replace(params.sweep, layers=()),  # any depth may be the grid's own
    )
    params = grid_cell(params, "nrms", encoder, "finetuned", "clean", 1, layers)
    return replace(
        params,
        history=HISTORY,
        protocol=replace(params.protocol, negatives=NEGATIVES),
        model=replace(params.model, **as_mapping(Sizes())),
    )


def recommender(params: Params, data: Prepared, folder: Path) -> Recommender:
    """As `fitting.build_recommender` builds it, on the computing device."""

    def random_states(_: Path, __: int, tokens: Ragged, *___: Any, **____: Any) -> np.ndarray:
        states = np.random.default_rng(1).standard_normal((len(tokens.values), 384), np.float32)
        return states.astype(np.float16)

    with contextlib.chdir(folder), patch.object(hidden, "cached_states", random_states):
        return experiment.build_recommender(params, data).to(computing_device())


def training(model: Recommender, params: Params, data: Prepared) -> Callable[..., loop.Fit]:
    """A function of a number of batches and a `select` that trains `model` for so many."""
    precision = resolve_precision("auto")

    def train(steps: int, select: Callable[[Recommender], float]) -> loop.Fit:
        schedule = replace(
            params.schedule,
            batch_size=BATCH,
            learning_rate=1e-4,
            encoder_learning_rate=1e-5,
            max_steps=steps,
            evaluate_every=steps,
        )
        changed = replace(params.training, **{params.schedule_name: schedule})
        return loop.train(
            model,
            precision,
            data.train,
            replace(params, training=changed),
            select,
            np.random.default_rng(1),
            "profile",
        )

    return train


def drawn(shown: Impressions, count: int) -> list[Batch]:
    """The first batches that the training loop draws where its generator is seeded with 1."""
    rng = np.random.default_rng(1)
    samples = draw_each_epoch(shown, NEGATIVES, rng)
    return list(islice(batches(samples, shown, HISTORY, "newest", BATCH, rng), count))


def distinct(batch: Batch) -> int:
    """How many articles a batch names, padding included."""
    return len(torch.unique(torch.cat([batch.candidates, batch.clicked], dim=1)))
