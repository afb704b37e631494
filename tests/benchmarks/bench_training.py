"""One step of training a transformer's top layers, and what the cache below them costs once.

`python -m pytest tests/benchmarks/bench_training.py`

NRMS at the released sizes over MiniLM (six layers), protocol clean: 16 samples a batch, each with
up to 50 clicks, one clicked candidate and two others. The same batches are taken by the package's
own loop and by `naive.training`. A step's time follows the number of distinct articles in its
batch, so that eight different batches are timed together.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mind_files import ARTICLES
from mind_study import BATCH, HISTORY, NEGATIVES, distinct, drawn
from naive.training import WholeTransformer, train_step
from stored_nrms import nrms
from titles import LIMIT, titles

from replication.encoders.models.states import write_states
from replication.encoders.models.text import build_text
from replication.encoders.sources.checkpoints import fetch_checkpoint
from replication.machine.precision import resolve_precision
from replication.mind.columns.prepared import Impressions, load_prepared
from replication.mind.columns.ragged import Ragged
from replication.recommenders import NRMS
from replication.study import paths
from replication.study.params import Params, load_params
from replication.training.loop import Fit, train

ROOT = Path(__file__).parents[2]
BATCHES = 8
STEP = "step of NRMS over MiniLM, top {} of 6 layers tuned"
SIZE = f"{BATCHES} batches of {BATCH} samples: {HISTORY} clicks, {1 + NEGATIVES} candidates"


@dataclass(frozen=True)
class Study:
    """What both ways read: parameters, titles by article, and impressions of MIND's shape."""

    params: Params
    tokens: Ragged
    impressions: Impressions


@pytest.fixture(scope="module")
def study(mind_small, tmp_path_factory) -> Study:
    """In a working directory that holds MiniLM and the tokens of its titles."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        params = load_params()
        patch.chdir(tmp_path_factory.mktemp("study"))
        fetch_checkpoint("minilm", params)
        tokens = titles(ARTICLES, seed=1)
        folder = paths.EMBEDDINGS / "minilm"
        folder.mkdir(parents=True)
        tokens.save(folder, "title")
        schedule = replace(
            params.training.tuned_layers,
            batch_size=BATCH,
            learning_rate=1e-4,
            encoder_learning_rate=1e-4,
            max_steps=BATCHES,
            evaluate_every=BATCHES,
        )
        params = replace(
            params,
            encoder="minilm",
            tuning="finetuned",
            history=HISTORY,
            text=replace(params.text, title_tokens=LIMIT),
            protocol=replace(params.protocol, negatives=NEGATIVES),
            training=replace(params.training, precision="auto", tuned_layers=schedule),
        )
        shown = load_prepared(mind_small / "prepared").train
        rows = np.random.default_rng(1).choice(len(shown), 10 * BATCH * BATCHES, replace=False)
        yield Study(params, tokens, shown.select(rows))


@pytest.mark.parametrize(("tuned", "goal"), [(2, 20), (6, 5)])
def test_step(measure, benchmark, study, tuned, goal):
    def fit(model: NRMS, precision: str) -> Fit:
        rng = np.random.default_rng(1)
        return train(model, precision, study.impressions, study.params, lambda _: 0.5, rng, "step")

    def fresh() -> NRMS:
        text = build_text(replace(study.params, finetune_layers=tuned), ("title",))
        return nrms(text["title"], ARTICLES + 1)

    def naive(embeddings_train: bool) -> tuple[NRMS, torch.optim.Optimizer]:
        whole = WholeTransformer(
            paths.CHECKPOINTS / "minilm", tuned, study.tokens, LIMIT, embeddings_train
        )
        slow = nrms(whole, ARTICLES + 1).train()
        trained = [p for p in slow.parameters() if p.requires_grad]
        return slow, torch.optim.Adam(trained, lr=1e-4)

    precision = resolve_precision("auto")
    exact = _seconds(fit, fresh(), "fp32")
    chosen = drawn(study.impressions, BATCHES)
    clean = _seconds(train_step, *naive(False), chosen[0])
    model, (slow, adam) = fresh(), naive(True)
    fitted, losses = measure(
        work=STEP.format(tuned),
        size=SIZE,
        goal=f">= {goal}x",
        fast=lambda: fit(model, precision),
        naive=lambda: [train_step(slow, adam, batch) for batch in chosen],
        goal_ratio=goal,
    )
    assert fitted.steps == len(losses) == BATCHES
    if seconds := benchmark.extra_info.get("seconds"):
        encoded = sum(distinct(batch) for batch in chosen)
        slots = BATCHES * BATCH * (HISTORY + 1 + NEGATIVES)
        benchmark.extra_info["note"] = (
            f"{seconds / BATCHES:.2f} s a step in {precision}, {exact / BATCHES:.2f} s in fp32; "
            "naive: as released, the embedding table trains (D6), so that gradients pass every "
            f"layer; where they stop at the cut a naive step takes {clean:.1f} s, "
            f"{clean * BATCHES / seconds:.1f} times ours; "
            f"{encoded / BATCHES:.0f} distinct articles a batch in {slots // BATCHES} slots, "
            f"{encoded / seconds:.0f} titles/s"
        )


def test_filling_the_cache(measure, study, tmp_path):
    """Hidden states below the top two layers, computed once for all runs with this cut."""
    some = study.tokens.take(np.arange(ARTICLES // 10))
    checkpoint, precision = paths.CHECKPOINTS / "minilm", resolve_precision("auto")

    def fill() -> None:
        write_states(tmp_path / "states.npy", checkpoint, 4, some, precision, "states")

    measure(
        work="cache of states below the top 2 of 6 layers of MiniLM, filled once",
        size=f"{len(some):,} titles of MIND-small's {ARTICLES:,}",
        goal="reported",
        fast=fill,
        rounds=3,
    )


def _seconds(function: Callable[..., object], *arguments: object) -> float:
    """Of the second call."""
    function(*arguments)
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started
