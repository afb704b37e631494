"""NRMS of the released widths over token vectors on disk, and its training, for timing."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from mind_files import USERS
from torch import Tensor, nn

from replication.encoders.models.text import Places, StoredVectors
from replication.machine.precision import resolve_precision
from replication.mind.columns.prepared import Prepared
from replication.recommenders import NRMS, Sizes
from replication.study.params import Params, load_params
from replication.training.loop import Fit, train

HISTORY, BATCH = 50, 128  # the published ones of frozen encoders
BLOCK = 8_192  # rows of random numbers, repeated: drawing them all would take minutes


class TimedVectors(StoredVectors):
    """Counts the seconds spent in reading, and the articles read."""

    seconds = 0.0
    articles = 0

    def forward(self, articles: Tensor) -> tuple[Tensor, Tensor | None]:
        started = time.perf_counter()
        read = super().forward(articles)
        self.seconds += time.perf_counter() - started
        self.articles += len(articles)
        return read


def write_vectors(path: Path, articles: int, positions: int, width: int) -> None:
    """Write a .npy file of (articles x positions, width) random float16, article by article."""
    rng = np.random.default_rng(1)
    block = (0.05 * rng.standard_normal((BLOCK, width), np.float32)).astype(np.float16)
    rows = articles * positions
    header = {"descr": "<f2", "fortran_order": False, "shape": (rows, width)}
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for start in range(0, rows, BLOCK):
            block[: rows - start].tofile(stream)


def stored_nrms(vectors: np.ndarray, positions: int, data: Prepared) -> tuple[NRMS, TimedVectors]:
    """A recommender with fresh parameters over vectors (articles x positions, width), and what
    reads them."""
    torch.manual_seed(1)
    offsets = np.arange(len(data.articles) + 1) * positions
    text = TimedVectors(vectors, Places(offsets), masked=True)
    return nrms(text, len(data.articles)), text


def nrms(text: nn.Module, articles: int) -> NRMS:
    """At the released sizes, protocol clean; it reads no labels, and is told its users."""
    return NRMS(
        text=nn.ModuleDict({"title": text}),
        labels=torch.zeros(articles, 2, dtype=torch.int64),
        label_count=1,
        users=USERS,
        sizes=Sizes(),
        head="token",
        masked=True,
        zero_padded=False,
    )


def parameters(steps: int) -> Params:
    """The clean protocol with a frozen encoder: so many batches, selection at their end."""
    params = load_params()
    schedule = replace(
        params.training.frozen,
        batch_size=BATCH,
        learning_rate=1e-4,
        max_steps=steps,
        evaluate_every=steps,
    )
    training = replace(params.training, frozen=schedule)
    return replace(params, tuning="frozen", history=HISTORY, training=training)


def train_steps(model: NRMS, data: Prepared, steps: int) -> Fit:
    """The first batches of an epoch by the package's training loop, in its best format."""
    precision, rng = resolve_precision("auto"), np.random.default_rng(1)
    return train(
        model, precision, data.train, parameters(steps), lambda _: 0.0, rng, "stored vectors"
    )
