"""The package's own NRMS over a model of MiniLM's shape and data of MIND-small's, for profiles.

Weights and the states below the cut are random numbers: they take as long as any others.
"""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from accelerate import Accelerator
from mind_files import ARTICLES, write_mind
from titles import titles
from transformers import BertConfig, BertModel

from replication import experiment, paths
from replication.encoders import text
from replication.encoders.precision import computing_device, resolve_precision
from replication.mind.prepare import prepare
from replication.mind.prepared import Prepared, load_prepared
from replication.mind.ragged import Ragged
from replication.params import Params, as_mapping, grid_cell, load_params
from replication.recommenders import Recommender, Sizes
from replication.training import loop

BATCH, NEGATIVES, HISTORY = 16, 2, 50
MINILM = BertConfig(
    hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536
)


def write_study(folder: Path, share: float = 1.0) -> Prepared:
    """Prepared data, checkpoint and tokenised titles, where the package looks for them."""
    write_mind(folder / "raw", share)
    prepare(folder / "raw", folder / paths.PREPARED)
    torch.manual_seed(1)
    BertModel(MINILM).save_pretrained(folder / paths.CHECKPOINTS / "minilm")
    (folder / paths.EMBEDDINGS / "minilm").mkdir(parents=True)
    titles(round(share * ARTICLES), 1).save(folder / paths.EMBEDDINGS / "minilm", "title")
    return load_prepared(folder / paths.PREPARED)


def parameters(layers: int) -> Params:
    """NRMS and MiniLM under the clean protocol, its top `layers` layers tuned, published widths."""
    params = grid_cell(load_params(), "nrms", "minilm", "finetuned", "clean", 1, layers)
    return replace(
        params,
        history=HISTORY,
        protocol=replace(params.protocol, negatives=NEGATIVES),
        model=replace(params.model, **as_mapping(Sizes())),
    )


def recommender(params: Params, data: Prepared, folder: Path) -> Recommender:
    """As `experiment.build_recommender` builds it, on the computing device."""

    def random_states(_: Path, __: int, tokens: Ragged, *___: Any) -> np.ndarray:
        states = np.random.default_rng(1).standard_normal((len(tokens.values), 384), np.float32)
        return states.astype(np.float16)

    with contextlib.chdir(folder), patch.object(text, "cached_states", random_states):
        return experiment.build_recommender(params, data).to(computing_device())


def training(model: Recommender, params: Params, data: Prepared) -> Callable[..., loop.Fit]:
    """A function of a number of batches and a `select` that trains `model` for so many."""
    precision = resolve_precision("auto")
    accelerator = Accelerator(
        mixed_precision="bf16" if precision == "bf16" else "no", cpu=not torch.cuda.is_available()
    )

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
            accelerator,
            data.train,
            replace(params, training=changed),
            select,
            np.random.default_rng(1),
            "profile",
        )

    return train
