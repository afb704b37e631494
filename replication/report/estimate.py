"""The cost of a run by arithmetic: operations, seconds, memory and disk, before anything is run.

Operations, bytes read from disk and batches are counted, and divided by what a machine is assumed
to do of each in a second. Counts of a transformer are the usual ones: 2 operations a parameter and
token forward, 2 backward through a layer, 2 more for the gradients of its own weights (Kaplan et
al., 2020, section 2.1).
"""

import math
from dataclasses import dataclass

from replication.encoders.tokens import GPU_SHARE, token_limits
from replication.report.machines import Machine
from replication.report.shape import Shape
from replication.report.weights import bytes_held, counted
from replication.study.encoders import Encoder
from replication.study.numbers import candidates
from replication.study.params import Params
from replication.study.registry import FAMILIES, RECOMMENDERS, SOURCES

PASSES = 3  # assumed: passes over the training clicks until early stopping
POPULAR = 4500  # articles among which a batch's are as if drawn evenly (fitted to MIND-small)
PROMPT = 30  # tokens around the titles of a LoRA question, assumed


@dataclass(frozen=True)
class Estimate:
    """Operations, seconds by what takes them, bytes of memory on the accelerator, and bytes of
    vectors on disk."""

    operations: float
    parts: dict[str, float]
    memory: float
    disk: float

    @property
    def seconds(self) -> float:
        return sum(self.parts.values())


def embedding(
    params: Params, name: str, shape: Shape, machine: Machine, devices: int = 1
) -> Estimate:
    """Every article once through the whole model; its vectors kept in 16 bits.

    A causal model's weights are held in 16 bits on a GPU, all others in 32, but for an entry that
    says otherwise: in 4 bits, or in equal parts on so many devices. Memory is that of one device.
    """
    encoder = params.registry[name]
    family = FAMILIES[encoder.family]
    layer, table = _weights(name, encoder)
    if not family.layer:
        return Estimate(0.0, {}, 0.0, 4.0 * table)
    tokens = shape.articles * sum(shape.tokens.values())
    kept = tokens
    if family.positions:
        tokens += 2 * shape.articles * family.positions  # the prompt, about as long
        kept = 2 * shape.articles * family.positions
    if encoder.pooling is not None:
        kept = 2 * shape.articles
    weights = encoder.layers * layer
    operations = 2.0 * weights * tokens
    disk = 2.0 * kept * encoder.width
    parts = {
        "arithmetic": operations / machine.rate("embed"),
        "vectors on disk": disk / machine.bytes_read,
    }
    form = "bf16" if family.half and machine.gpu is not None else "fp32"
    form = "nf4" if "nf4" in encoder.held else form
    memory = bytes_held(form, weights, table * (2 if encoder.held else 1))  # loaded with the head
    memory /= devices if "spread" in encoder.held else 1
    return Estimate(operations, parts, memory, disk)


def checkpoint_bytes(encoder: Encoder) -> float:
    """Of a model's files: weights in 32 bits, those of a causal model of the hub in 16."""
    family, source = FAMILIES[encoder.family], SOURCES[encoder.source]
    if source.size is not None:
        return source.size
    tables = 2 if family.half and source.fetched else 1  # of Llama's sizes
    weights = encoder.layers * _layer(encoder) + tables * family.rows * encoder.width
    return (2.0 if tables == 2 else 4.0) * weights


def adapting(params: Params, name: str, machine: Machine) -> Estimate:
    """LoRA: forward and backward through the whole base; gradients of its weights are not made.

    On a GPU only what goes into each layer is kept, in 16 bits: a layer is run again before its
    backward pass.
    """
    adapter, encoder = params.adapters[name], params.registry[name]
    length = adapter.clicks * adapter.title_tokens + adapter.title_tokens + PROMPT
    tokens = adapter.batch_size * (1 + adapter.negatives) * length
    layer, table = _weights(adapter.base, params.encoders[adapter.base])
    weights = encoder.layers * layer
    again = machine.gpu is not None
    operations = (6.0 if again else 4.0) * weights * tokens * adapter.max_steps
    parts = {
        "arithmetic": operations / machine.rate("adapt"),
        "batches": adapter.max_steps * machine.batch_seconds,
    }
    memory = bytes_held(adapter.base_format, weights, 2 * table)
    memory += _activations(tokens, 1 if again else encoder.layers, encoder.width)
    memory += 2.0 * tokens * encoder.layers * encoder.width * again
    return Estimate(operations, parts, memory, 0.0)


def _activations(tokens: float, layers: int, width: int) -> float:
    """Bytes kept for the backward pass: 34 per token and unit of width of a 16-bit layer, without
    what fused attention does not keep (Korthikanti et al., MLSys 2023, eq. 1)."""
    return 34.0 * tokens * layers * width


def training(cell: Params, shape: Shape, machine: Machine, told: bool = True) -> Estimate:
    """One run of the grid or the sweep: search, training, evaluations and the test.

    told: as of `training.loop.train`; False of an audit's runs
    """
    load, distinct = _load(cell, shape), _distinct(cell, shape)
    steps, evaluations = _steps(cell, shape, told)
    encoded = evaluations * shape.train_articles + shape.test_articles
    on_test = cell.protocol.selection == "test"
    looked_at = shape.test_impressions if on_test else shape.impressions * (1 - shape.learned)
    ranked = evaluations * looked_at + shape.test_impressions
    operations = steps * distinct * load.both + encoded * load.forward
    # Of the user encoder: three times as much forward and backward as forward.
    histories = 3 * steps * cell.schedule.batch_size + ranked
    user = RECOMMENDERS[cell.recommender].clicks(cell.model.filters)
    operations += 2.0 * user * histories * _clicks(cell, shape)
    parts = {
        "arithmetic": operations / machine.rate(cell.schedule_name),
        "vectors on disk": _reading(steps * distinct + encoded, load, shape, machine),
        "batches": steps * (machine.batch_seconds + load.weights / machine.bandwidth),
        "ranking": ranked / machine.ranked,
    }
    tokens, width = distinct * load.tokens, cell.registry[cell.encoder].width
    memory = load.weights + _activations(tokens, load.kept_layers, width)
    memory += 4.0 * tokens * (width + 8 * cell.model.filters)  # the reader's own
    memory += _resident(load, shape, machine)
    # Beside them the best parameters so far are kept, and gradients that all trials share; on a
    # processor also where two trials ended: parameters, their best and two moments of each.
    trials = 1 + 8 * (machine.gpu is None) if _rates(cell) > 1 else 0
    memory += 4.0 * load.trained * (1 + trials)
    return Estimate(operations, parts, memory, load.disk)


def _resident(load: "Load", shape: Shape, machine: Machine) -> float:
    """Bytes of stored vectors on a GPU that has the room for those of all articles; else 0."""
    stored = shape.articles * load.stored
    return stored if machine.gpu is not None and stored <= GPU_SHARE * machine.memory else 0.0


def _reading(articles: float, load: "Load", shape: Shape, machine: Machine) -> float:
    """Seconds to read the stored vectors of so many articles: where all are on the GPU, each once
    from disk, and then from its memory."""
    if resident := _resident(load, shape, machine):
        return resident / machine.bytes_read + articles * load.stored / machine.bandwidth
    return articles * load.stored / machine.bytes_read


@dataclass(frozen=True)
class Load:
    """What one article, or the model, is to a run.

    tokens    positions of all text fields, padding included
    forward   operations forward; both: forward and backward
    stored    bytes that are read of it from disk
    kept_layers   layers whose activations are kept for the backward pass
    weights   bytes of weights, and of gradients and Adam's two moments of those that train
    trained   parameters that train
    disk      bytes of vectors that are made for runs of this kind alone
    """

    tokens: int
    forward: float
    both: float
    stored: float
    kept_layers: int
    weights: float
    trained: float
    disk: float


def _load(cell: Params, shape: Shape) -> Load:
    protocol, encoder, limits = cell.protocol, cell.registry[cell.encoder], token_limits(cell.text)
    fields, family = RECOMMENDERS[cell.recommender].fields, FAMILIES[encoder.family]
    words, kept = not family.layer, family.positions
    tuned = cell.tuning == "finetuned"
    if kept and tuned:  # its layers read the whole prompted text
        tokens = sum(limits[field] + kept for field in fields)
    else:
        tokens = sum(kept // len(fields) if kept else limits[field] for field in fields)
    if encoder.pooling is not None and not tuned:
        tokens = len(fields)
    layers = tuned and family.trains_layers
    # Under D5 or D6 the layers below the cut run at every step, else their output is read.
    live = layers and (protocol.frozen_dropout or protocol.tune_embeddings)
    top = encoder.layers - cell.cut if layers else 0  # a gradient passes through all of them
    below = encoder.layers - top if live else 0
    passed = below if protocol.tune_embeddings else 0  # gradients pass, on their way to the table
    (layer, table), reader = _weights(cell.encoder, encoder), _reader(cell, encoder)
    forward = 2.0 * tokens * ((top + below) * layer + reader)
    both = forward + tokens * (4.0 * (top * layer + reader) + 2.0 * passed * layer)

    table *= 1 if words else len(fields)
    held = (below * layer * len(fields) + table) if live else table * words
    trained = (top * layer + reader) * len(fields)
    if (words and tuned) or (live and protocol.tune_embeddings):
        held, trained = held - table, trained + table

    # Vectors beside those of stage `embed`: of a cut prompt, of padded texts, at a cut.
    pieces = 0.0
    if kept and not tuned:
        pieces = kept * len(fields) if protocol.prompt == "truncated" else 0.0
    elif not (words or live or protocol.attention_masks):
        pieces = tokens
    elif layers and not live:
        pieces = sum(shape.tokens[field] + (kept or 0) for field in fields)
    return Load(
        tokens=tokens,
        forward=forward,
        both=both,
        stored=0.0 if live or words else 2.0 * tokens * encoder.width,
        kept_layers=top + passed,
        weights=4.0 * held + 16.0 * trained,
        trained=trained,
        disk=2.0 * shape.articles * pieces * encoder.width,
    )


def _reader(cell: Params, encoder: Encoder) -> int:
    """Parameters that each token meets: head, then what the recommender has, then pooling."""
    filters = cell.model.filters
    own = RECOMMENDERS[cell.recommender].reader(filters, cell.model.window)
    return encoder.width * filters + own + filters * cell.model.query


def _clicks(cell: Params, shape: Shape) -> float:
    """Of a history that are read; histories are taken to be exponentially distributed."""
    return shape.history * -math.expm1(-cell.history / shape.history)


def _distinct(cell: Params, shape: Shape) -> float:
    """Distinct articles of a batch."""
    popular = min(POPULAR, shape.articles)
    slots = cell.schedule.batch_size * (1 + cell.protocol.negatives + _clicks(cell, shape))
    return popular * -math.expm1(-slots / popular)


def _steps(cell: Params, shape: Shape, told: bool) -> tuple[int, int]:
    """Batches and evaluations of search and training. told: as of `training`"""
    schedule = cell.schedule
    longest = schedule.max_steps or math.inf
    clicks = shape.clicks * (shape.learned if cell.protocol.selection == "last_day" else 1.0)
    per_pass = math.ceil(clicks / schedule.batch_size)
    steps = int(min(per_pass * min(PASSES, schedule.max_epochs), longest))
    alone = min(per_pass * schedule.max_epochs, longest) <= schedule.evaluate_every
    evaluations = 0 if alone and not told else math.ceil(steps / schedule.evaluate_every)
    rates = _rates(cell)
    if rates > 1:
        tried = int(min(schedule.search_steps or steps, longest))
        shared = min(tried, steps)  # training goes on from the best trial
        steps += rates * tried - shared - (rates - 1)  # and all share the gradients of the first
        evaluations += rates * math.ceil(tried / schedule.evaluate_every)
        evaluations -= shared // schedule.evaluate_every
    return steps, evaluations


def _rates(cell: Params) -> int:
    """Pairs of learning rates that a run tries."""
    rates = len(candidates(cell.schedule.learning_rate))
    return rates * (len(candidates(cell.schedule.encoder_learning_rate)) if cell.tunes else 1)


def _weights(name: str, encoder: Encoder) -> tuple[float, float]:
    """Parameters of one layer and of the table of tokens: counted, if the checkpoint is on disk."""
    assumed = _layer(encoder), FAMILIES[encoder.family].rows * encoder.width
    return counted(name, encoder) or assumed


def _layer(encoder: Encoder) -> float:
    """Parameters of one layer."""
    family = FAMILIES[encoder.family]
    if encoder.parameters is not None and encoder.layers:
        return max(encoder.parameters - family.rows * encoder.width, 0) / encoder.layers
    return family.layer * encoder.width**2
