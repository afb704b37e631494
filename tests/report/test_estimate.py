"""A run's estimated cost against counts by hand and PyTorch's own counter."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from replication.report.estimate import adapting, embedding, training
from replication.report.machines import Machine
from replication.report.shape import SMALL, Shape
from replication.study.params import grid_cell
from replication.study.registry import RECOMMENDERS

FREE = Machine("whose batches and reading cost nothing", 1e12, float("inf"), 0.0)
TINY = Shape(100, 1000, 80, 50, 10.0, 0.8, {"title": 8.0, "abstract": 20.0}, 700, 300)


def cell(params, encoder="bert-base", tuning="finetuned", protocol="clean", layers=None):
    return grid_cell(params, "nrms", encoder, tuning, protocol, 1, layers)


def test_operations_of_an_embedding_are_those_that_pytorch_counts(small):
    """A BERT of two layers over one article, without what attention does between tokens."""
    from transformers import BertConfig, BertModel

    sizes = {"hidden_size": 128, "num_attention_heads": 2, "intermediate_size": 512}
    model = BertModel(BertConfig(num_hidden_layers=2, **sizes), add_pooling_layer=False)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(torch.ones(1, 28, dtype=torch.int64))
    one = replace(TINY, articles=1)  # 28 tokens
    assert embedding(small, "bert-tiny", one, FREE).operations == pytest.approx(
        counter.get_total_flops(), rel=0.1
    )


def test_vectors_on_disk(small):
    """Positions x width x 2 bytes; the last 10 of each field for an LLM."""
    assert embedding(small, "bert-base", TINY, FREE).disk == 100 * 28 * 768 * 2
    assert embedding(small, "llama-8b-instruct", TINY, FREE).disk == 100 * 20 * 4096 * 2
    assert training(cell(small), TINY, FREE).disk == 100 * 8 * 768 * 2  # below the cut
    assert training(cell(small, tuning="frozen"), TINY, FREE).disk == 0  # the embedding's own
    padded = training(cell(small, tuning="frozen", protocol="released"), TINY, FREE)
    assert padded.disk == 100 * 20 * 768 * 2
    assert training(cell(small, protocol="released"), TINY, FREE).disk == 0  # computed as it runs
    cut = [
        training(cell(small, "llama-8b-instruct", "frozen", protocol), TINY, FREE).disk
        for protocol in ("clean", "released")
    ]
    assert cut == [0, 100 * 10 * 4096 * 2]  # D8: other prompts, other vectors


def test_layers_that_train_cost_three_times_those_that_do_not(small):
    """Clean: layers below the cut are read from disk, so only the depth counts."""
    # One pair of rates: at a depth of 0 no rate of the encoder is searched.
    once = replace(small.training.tuned_layers, learning_rate=1e-4, encoder_learning_rate=1e-4)
    small = replace(small, training=replace(small.training, tuned_layers=once))
    base, two, four = (training(cell(small, layers=k), TINY, FREE).operations for k in (0, 2, 4))
    assert two - base == pytest.approx((four - base) / 2)
    live = [training(cell(small, protocol="released", layers=k), TINY, FREE) for k in (0, 6, 12)]
    # D6: gradients pass through frozen layers (4 of 6 operations), so the depth matters less.
    assert live[0].operations < live[1].operations < live[2].operations
    assert live[2].operations < 1.6 * live[0].operations
    assert live[0].memory > 3 * training(cell(small, layers=2), TINY, FREE).memory


@pytest.mark.parametrize("layers", [0, 12])
def test_an_embedding_table_that_trains_takes_memory_at_every_depth(small, layers):
    """30,522 x 768 weights in 32 bits, which lie there anyway, their gradients, those that trials
    share, Adam's two moments, and the best weights so far; on a processor also two copies of
    weights, moments and best, of where trials ended."""
    trains = cell(small, protocol="released", layers=layers)
    frozen = replace(trains, protocol=replace(trains.protocol, tune_embeddings=False))
    shape = replace(TINY, articles=1)  # next to nothing but weights
    more = training(trains, shape, FREE).memory - training(frozen, shape, FREE).memory
    assert more == pytest.approx(30_522 * 768 * (20 + 32), rel=0.05 if layers else 0.2)


@pytest.mark.parametrize(("evaluate_every", "fewer"), [(10, 1), (9, 0)])
def test_an_audits_run_has_no_evaluation_that_decides_nothing(small, evaluate_every, fewer):
    schedule = replace(
        small.training.frozen, learning_rate=1e-4, max_steps=10, evaluate_every=evaluate_every
    )
    frozen = replace(
        cell(small, tuning="frozen"), training=replace(small.training, frozen=schedule)
    )
    told, untold = (training(frozen, TINY, FREE, told=told) for told in (True, False))
    assert (told.operations > untold.operations) == bool(fewer)
    looked_at = TINY.impressions * (1 - TINY.learned)
    saved = told.parts["ranking"] - untold.parts["ranking"]
    assert saved == pytest.approx(fewer * looked_at / FREE.ranked)


def test_one_training_step_by_hand(small):
    schedule = replace(
        small.training.tuned_layers,
        learning_rate=1e-4,
        encoder_learning_rate=1e-4,
        max_steps=1,
        evaluate_every=1000,
        batch_size=1,
    )
    one = cell(replace(small, training=replace(small.training, tuned_layers=schedule)), layers=1)
    shape = replace(TINY, articles=10**9, train_articles=0, test_articles=0, history=1e-9)
    layer, reader = 12 * 768**2, 768 * 300 + 3 * 300**2 + 300 * 200
    articles = 5  # one clicked, four not; histories are empty
    found = training(one, shape, FREE).operations
    assert found == pytest.approx(articles * 20 * 6 * (layer + reader), rel=1e-2)


def test_the_gru_of_lstur_reads_every_click(small):
    """With all its weights, of a click and of a state: two operations each, thrice in training."""
    lstur = grid_cell(small, "lstur", "glove", "frozen", "clean", 1)
    own = training(lstur, SMALL, FREE).operations
    with pytest.MonkeyPatch.context() as patch:
        listed = RECOMMENDERS.data["lstur"]
        patch.setitem(RECOMMENDERS.data, "lstur", replace(listed, clicks=lambda filters: 0))
        others = training(lstur, SMALL, FREE).operations
    width = 3 * lstur.model.filters
    gru = sum(p.numel() for n, p in nn.GRU(width, width).named_parameters() if "weight" in n)
    clicks = SMALL.history * (1 - math.exp(-lstur.history / SMALL.history))
    steps = 3 * math.ceil(SMALL.clicks * SMALL.learned / lstur.schedule.batch_size)
    last_day = SMALL.impressions * (1 - SMALL.learned)
    looked_at = math.ceil(steps / lstur.schedule.evaluate_every) * last_day + SMALL.test_impressions
    read = clicks * (3 * steps * lstur.schedule.batch_size + looked_at)
    assert own - others == pytest.approx(2 * gru * read)


def test_a_search_trains_each_candidate(small):
    """Four pairs of rates, no longer than the schedule itself, which ends after 500 batches; the
    best of them is the training."""
    layers = small.training.tuned_layers
    single = replace(layers, learning_rate=1e-4, encoder_learning_rate=1e-4)
    seconds = {}
    for name, schedule in (("list", layers), ("single", single)):
        schedule = replace(schedule, max_steps=500)
        params = replace(small, training=replace(small.training, tuned_layers=schedule))
        seconds[name] = training(cell(params), SMALL, FREE).seconds
    assert seconds["list"] / seconds["single"] == pytest.approx(4, rel=0.05)


def test_time_is_operations_reading_and_batches(small):
    """One at a time: a machine that is infinitely fast at all but one of them."""
    work, never = training(cell(small), TINY, FREE), float("inf")
    assert work.seconds == pytest.approx(work.operations / 1e12)
    steps = training(cell(small), TINY, Machine("", never, never, 1.0)).seconds
    # Four candidates, which share their first batch and pass three times over 800 clicks, 32 a
    # batch, and beyond.
    assert steps == 4 * 1000 - 3 > 3 * 25
    read = training(cell(small), TINY, Machine("", never, 1e9, 0.0)).seconds
    assert 0 < read < steps * 100 * 20 * 768 * 2 * 1.1 / 1e9  # at most all articles a batch


def test_the_base_of_an_adapter_in_four_bits_is_smaller(small):
    whole = adapting(small, "llama-8b-instruct-lora", FREE)
    name, adapter = next(iter(small.adapters.items()))
    quarter = adapting(
        replace(small, adapters={name: replace(adapter, base_format="nf4")}), name, FREE
    )
    packed = 8_030_261_248 - 2 * 128_256 * 4096  # all but the table and the head
    assert whole.memory - quarter.memory == pytest.approx(packed * (2 - 4.5 / 8), rel=0.001)
    longer = replace(adapter, max_steps=2 * adapter.max_steps)
    twice = adapting(replace(small, adapters={name: longer}), name, FREE)
    assert twice.operations == 2 * whole.operations


def test_layers_that_are_run_again_on_a_gpu_take_half_more_time_and_a_tenth_of_the_memory(small):
    name = "llama-8b-instruct-lora"
    here, gpu = (adapting(small, name, m) for m in (FREE, replace(FREE, gpu="")))
    assert gpu.operations == pytest.approx(1.5 * here.operations)
    weights = 2 * (32 * 13 * 4096**2 + 2 * 128_256 * 4096)
    tokens = 4 * 5 * (10 * 20 + 20 + 30)
    assert here.memory - weights == pytest.approx(34 * tokens * 32 * 4096)
    assert gpu.memory - weights == pytest.approx((34 + 2 * 32) * tokens * 4096)


def test_a_checkpoint_on_disk_is_counted(small):
    """Not BERT's vocabulary and layers, but its own; a pooled text is one vector on disk."""
    entry = replace(small.encoders["bert-base"], layers=2, width=8, finetune_layers=0)
    study = replace(small, encoders={**small.encoders, "own": entry})
    assumed = embedding(study, "own", TINY, FREE)
    weights = {
        "bert.embeddings.word_embeddings.weight": np.zeros((100, 8), np.float32),
        "bert.encoder.layer.0.a.weight": np.zeros((8, 50), np.float32),
        "bert.encoder.layer.1.a.weight": np.zeros((8, 50), np.float32),
        "bert.encoder.layer.2.a.weight": np.zeros((8, 50), np.float32),
        "cls.decoder.weight": np.zeros((100, 8), np.float32),
    }
    folder = Path("checkpoints/own")
    folder.mkdir(parents=True)
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text('{"model_type": "bert"}')
    found = embedding(study, "own", TINY, FREE)
    assert found.operations == 2.0 * 2 * 400 * TINY.articles * 28
    assert found.memory == 4.0 * (2 * 400 + 800) != assumed.memory
    pooled = replace(study, encoders={**study.encoders, "own": replace(entry, pooling="mean")})
    assert embedding(pooled, "own", TINY, FREE).disk == 2.0 * 2 * TINY.articles * 8
