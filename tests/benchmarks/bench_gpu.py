"""Tuning BERT-base and embedding with a model of 8 billion parameters, on a GPU.

`make bench-gpu`; skipped where there is no GPU.

Weights are random, data are synthetic and of MIND-small's shape. Both ways run on the same GPU, one
after the other; memory is what torch held there at most.
"""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mind_files import ARTICLES
from mind_study import (
    BATCH,
    HISTORY,
    NEGATIVES,
    distinct,
    drawn,
    parameters,
    training,
    write_source,
    write_study,
)
from naive.embedding import last_positions
from naive.training import WholeTransformer, train_step
from stored_nrms import BATCH as MANY
from stored_nrms import nrms, stored_nrms, train_steps, write_vectors
from titles import LIMIT, titles

from replication.encoders.models.states import write_states
from replication.encoders.models.text import build_text
from replication.encoders.tokens import LLM_POSITIONS
from replication.mind.columns.prepared import Prepared
from replication.mind.columns.ragged import Ragged
from replication.recommenders import NRMS
from replication.study import paths

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

BATCHES, NAIVE_BATCHES = 16, 4
FROZEN_STEPS = 16
LLAMA = {  # of Llama-3.1-8B's config.json
    "hidden_size": 4096, "intermediate_size": 14_336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128_256,
    "max_position_embeddings": 131_072, "rope_theta": 500_000.0, "pad_token_id": 0,
}  # fmt: skip
PROMPT = 9  # tokens of the prompt around a text
EMBEDDED, EMBEDDED_NAIVELY = ARTICLES // 5, ARTICLES // 100  # titles


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Prepared:
    """BERT-base, tokens of titles and prepared data, in the working directory."""
    root = Path.cwd()
    folder = tmp_path_factory.mktemp("study")
    for name in ("conf", "params.yaml"):
        (folder / name).symlink_to(root / name)
    with contextlib.chdir(folder):
        yield write_study(folder, encoder="bert-base")


@pytest.mark.parametrize("tuned", [4, 12])
def test_tuning(measure, benchmark, study, tuned):
    """Steps of NRMS over BERT-base, protocol clean."""
    params = parameters(tuned, "bert-base")

    def fresh() -> NRMS:
        text = build_text(params, ("title",))
        return nrms(text["title"], ARTICLES + 1).cuda()

    filling = time.perf_counter()
    model = fresh()
    filling = time.perf_counter() - filling
    tokens = Ragged.load(paths.EMBEDDINGS / "bert-base", "title")
    slow = WholeTransformer(paths.CHECKPOINTS / "bert-base", tuned, tokens, LIMIT, True)
    slow = nrms(slow, ARTICLES + 1).cuda().train()
    adam = torch.optim.Adam([p for p in slow.parameters() if p.requires_grad], lr=1e-4)
    chosen = [batch.to("cuda") for batch in drawn(study.train, BATCHES)]
    peaks = [
        _peak_mib(lambda: training(model, params, study)(NAIVE_BATCHES, lambda _: 0.5)),
        _peak_mib(lambda: train_step(slow, adam, chosen[0])),
    ]
    train = training(model, params, study)
    measure(
        f"step of NRMS over BERT-base, top {tuned} of 12 layers tuned",
        f"{BATCH} samples: {HISTORY} clicks, {1 + NEGATIVES} candidates; mean of "
        f"{BATCHES} steps, naive of {NAIVE_BATCHES}",
        "reported",
        fast=lambda: train(BATCHES, lambda _: 0.5),
        naive=lambda: [
            train_step(slow, adam, batch)
            for batch in chosen[:NAIVE_BATCHES]
            for _ in range(BATCHES // NAIVE_BATCHES)
        ],
        rounds=3,
        peak_mib=peaks[0],
        naive_peak_mib=peaks[1],
    )
    if seconds := benchmark.extra_info.get("seconds"):
        encoded = sum(distinct(batch) for batch in chosen)
        benchmark.extra_info["note"] = (
            f"{1e3 * seconds / BATCHES:.0f} ms a step in bf16, naive "
            f"{1e3 * benchmark.extra_info['naive_seconds'] / BATCHES:.0f} ms in fp32; "
            f"{encoded / seconds:,.0f} distinct titles/s; the states below the cut of "
            f"{ARTICLES:,} titles took {filling:.1f} s once"
        )


def test_frozen_vectors(measure, benchmark, study):
    """Steps over pre-computed vectors of a large model."""
    path = Path("vectors.npy")
    write_vectors(path, ARTICLES + 1, LLM_POSITIONS, LLAMA["hidden_size"])
    model, _ = stored_nrms(np.load(path, mmap_mode="r"), LLM_POSITIONS, study)
    model.cuda()
    measure(
        "training over pre-computed LLM vectors",
        f"{FROZEN_STEPS} steps of {MANY} samples, {HISTORY} clicks; {ARTICLES:,} articles x "
        f"{LLM_POSITIONS} x {LLAMA['hidden_size']:,} float16",
        "reported",
        fast=lambda: train_steps(model, study, FROZEN_STEPS),
        rounds=3,
        peak_mib=_peak_mib(lambda: train_steps(model, study, 2)),
    )
    if seconds := benchmark.extra_info.get("seconds"):
        benchmark.extra_info["note"] = (
            f"{1e3 * seconds / FROZEN_STEPS:.0f} ms a step; all vectors are copied to the GPU, "
            "which has the room, before the first"
        )
    path.unlink()


def test_embedding(measure, benchmark, study):
    """Prompted titles through a causal model of Llama-3.1-8B's shape."""
    from transformers import LlamaConfig, LlamaForCausalLM

    checkpoint = paths.CHECKPOINTS / "llama-8b"
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device("cuda"):
            LlamaForCausalLM(LlamaConfig(**LLAMA)).save_pretrained(checkpoint)
    finally:
        torch.set_default_dtype(torch.float32)
    write_source(checkpoint)
    torch.cuda.empty_cache()
    tokens = _prompted(EMBEDDED)

    def ours(some: Ragged) -> None:
        write_states(Path("states.npy"), checkpoint, 32, some, "bf16", "8B", last=LLM_POSITIONS)

    loading = time.perf_counter()
    ours(tokens.take(np.arange(64)))  # all but the articles: what a process pays once
    loading = time.perf_counter() - loading
    peak = _peak_mib(lambda: ours(tokens))
    measure(
        "vectors of 8 billion parameters: loading and embedding",
        f"{EMBEDDED:,} prompted titles, {len(tokens.values):,} tokens",
        "reported",
        fast=lambda: ours(tokens),
        rounds=1,
        peak_mib=peak,
    )
    torch.cuda.empty_cache()
    some = tokens.take(np.arange(EMBEDDED_NAIVELY))
    limit = int(tokens.lengths.max())
    started = time.perf_counter()
    torch.cuda.reset_peak_memory_stats()
    *_, naive = last_positions(checkpoint, some, limit, LLM_POSITIONS)
    naive_peak = torch.cuda.max_memory_allocated() / 2**20
    assert time.perf_counter() > started
    if seconds := benchmark.extra_info.get("seconds"):
        each = (seconds - loading) / EMBEDDED
        operations = 2 * 6.98e9 * len(tokens.values) / EMBEDDED  # of layers, an article
        benchmark.extra_info.update(
            naive_seconds=naive / EMBEDDED_NAIVELY * EMBEDDED + loading,
            ratio=naive / EMBEDDED_NAIVELY / each,
            naive_peak_mib=naive_peak,
            note=f"{1 / each:,.0f} titles/s, {operations / each / 1e12:.0f} TFLOP/s, besides "
            f"{loading:.0f} s to load; naive {EMBEDDED_NAIVELY / naive:,.0f} titles/s, timed on "
            f"{EMBEDDED_NAIVELY:,} and scaled; the ratio is without loading",
        )


def _prompted(articles: int) -> Ragged:
    """Random tokens in the lengths of titles with the prompt around them."""
    lengths = titles(articles, 1).lengths[1:] + PROMPT
    values = np.random.default_rng(1).integers(1, LLAMA["vocab_size"], lengths.sum(), np.int32)
    return Ragged.from_lengths(values, lengths)


def _peak_mib(function: Callable[[], Any]) -> float:
    """Of torch's memory on the GPU."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    function()
    return torch.cuda.max_memory_allocated() / 2**20
