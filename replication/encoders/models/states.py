"""Hidden states of a transformer for every article: computed once, memory-mapped ever after."""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tqdm import tqdm

from replication.encoders.architectures import architecture, attention, has_head
from replication.encoders.models.layouts import cut
from replication.encoders.models.limits import refuse_unfit
from replication.encoders.models.making import MADE, Record, booked_elsewhere, making, taken
from replication.encoders.models.pooling import pooled
from replication.encoders.sources.adapters import load_causal
from replication.encoders.sources.checkpoints import checkpoint_digest
from replication.encoders.sources.configs import config_folder
from replication.encoders.sources.held import held_weights
from replication.encoders.sources.tensors import load_pretrained
from replication.files.atomic import write_json, write_text
from replication.files.digest import of_key
from replication.files.errors import StudyError
from replication.machine import environment, processes
from replication.machine.dropout import with_fast_dropout
from replication.machine.locks import alone
from replication.machine.operations import of_texts
from replication.machine.precision import autocast, computing_device
from replication.machine.saved_state import SAVE_EVERY
from replication.mind.columns.ragged import Ragged, load_array
from replication.study import paths

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TOKENS_PER_BATCH = 2048  # what a layer makes of them stays in a processor's caches
TOKENS_ON_GPU = 8192  # which is the faster the more it is given
# The code that can change a bit of them.
_MADE_BY = (
    "machine", "encoders/models", "encoders/sources", "encoders/architectures.py",
    "encoders/tokens.py",
)  # fmt: skip


def load_transformer(
    checkpoint: Path,
    layers: int,
    start: int = 0,
    ends: bool = True,
    held: tuple[str, ...] = (),
) -> "PreTrainedModel":
    """Layers `start` to `layers` of a checkpoint as a Hugging Face model without a pooler.

    With `start` 0 its `last_hidden_state` equals `hidden_states[layers]` of the whole model.
    Models that end in a norm (Llama, ModernBERT) end in it here too, unless `ends` is False. An
    adapter is merged into its base. Weights are float32, but bfloat16 for a causal model on a GPU,
    which float32 would fill.
    held: of a causal model, as in its registry entry (`sources/held.py`)
    Errors: `StudyError` where the checkpoint, or an adapter's base, is not there or has changed, or
    is of an architecture that is not accepted; or it cannot be held so here.
    """
    from transformers import AutoModel

    folder = config_folder(checkpoint)
    parts = architecture(folder)
    if parts.family == "causal":
        options: dict[str, Any] = {
            "dtype": "bfloat16" if computing_device().type == "cuda" else "float32",
            "num_hidden_layers": max(layers, 1),
            **held_weights(checkpoint.name, held),
        }
        if has_head(folder):
            model = load_causal(checkpoint, **options).get_decoder()
        else:
            options["attn_implementation"] = attention(folder)
            model = load_pretrained(AutoModel, folder, **options).eval()
        model.config.use_cache = False  # keys and values of every layer, for tokens to come
        return cut(model, start, layers, ends)
    model = load_pretrained(
        AutoModel,
        checkpoint,
        # Which of the shared weights a layer has depends on how many layers there are.
        **({} if parts.shared else {"num_hidden_layers": max(layers, 1)}),
        attn_implementation=attention(folder),
        dtype=torch.float32,
    )
    if getattr(model, "pooler", None) is not None:
        model.register_module("pooler", None)
    return with_fast_dropout(cut(model, start, layers, ends)).eval()


def write_states(
    path: Path,
    checkpoint: Path,
    depth: int,
    tokens: Ragged,
    precision: str,
    label: str,
    length: int | None = None,
    last: int | None = None,
    record: Path | None = None,
    pooling: str | None = None,
    ends: bool = True,
    padding: np.ndarray | None = None,
    held: tuple[str, ...] = (),
) -> None:
    """Write hidden states after layer `depth` to `path` (.npy): (positions, d) float16.

    tokens   ids of each article, int32; padded with the checkpoint's own padding token, if it has
             one, which is computed with, behind a mask, and not kept
    length   every article keeps `length` positions, padding included, as the release does (D4)
    last     only the last so many tokens of each article are kept
    record   where the number of articles that are done, and the seconds they took, are written
             down, every few minutes; if it is there, the work goes on after those: it and `path`
             must be of the same arguments
    pooling  one row for each article, of its own tokens (`pooling.py`)
    ends, held   as in `load_transformer`
    padding  so many tokens at the start of each article (n,) are padding: they are computed with
             behind a mask too, but kept (D8)

    Several processes compute a batch each, and the first one writes: to the bytes that one process
    alone would have written.
    """
    model = load_transformer(checkpoint, depth, ends=ends, held=held)
    model.requires_grad_(False)  # of DeBERTa, operations could not be counted otherwise
    if not held:
        model.to(computing_device())  # type: ignore[arg-type]  # wrapped without its self
    refuse_unfit(tokens, length, model.config, checkpoint, label)
    kept = tokens.lengths if length is None else np.full(len(tokens), length)
    if pooling is not None:
        kept = np.ones(len(tokens), np.int64)
    elif last is not None:
        kept = np.minimum(kept, last)
    places = np.concatenate([[0], np.cumsum(kept)])
    shape = (int(places[-1]), model.config.hidden_size)
    first, kept_record = processes.is_first(), Record(record)
    done = kept_record.articles
    if first:
        making.operations += of_texts(
            lambda width: _one_text(model, width, precision),
            ((len(rows), width) for rows, width in _batches(tokens, length, 0)),
        )
    if first and done:
        states = np.load(path, mmap_mode="r+", allow_pickle=False)
    elif first:
        states = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=shape)
        _reserve(path)
    done = int(processes.agreed(done))
    bar = tqdm(total=len(tokens), initial=done, desc=label, unit="articles")
    saved = time.monotonic()
    batches = _batches(tokens, length, done)
    with torch.inference_mode(), bar:
        while together := list(islice(batches, processes.count())):
            found = torch.empty(0, shape[1], dtype=torch.float16)
            for rows, width in together[processes.rank() :][:1]:  # none is left for some at the end
                found = _kept_states(
                    model, tokens, rows, width, length, last, precision, pooling, padding
                )
            if not torch.isfinite(found).all():
                raise StudyError(
                    f"{checkpoint}: gives values that are not finite for {label}; expected finite "
                    f"weights; run `dvc repro checkpoint@{checkpoint.name}`"
                )
            for (rows, _), part in zip(together, processes.gathered(found), strict=False):
                states[Ragged(states, places).positions(rows)] = part.numpy()
            count = sum(len(rows) for rows, _ in together)
            bar.update(count)
            done += count
            due = time.monotonic() - saved >= SAVE_EVERY or done == len(tokens)
            if first and record and due:
                states.flush()
                kept_record.save(done)
                saved = time.monotonic()
    if first:
        states.flush()


def _batches(tokens: Ragged, length: int | None, done: int) -> Iterator[tuple[np.ndarray, int]]:
    """Rows of articles that are computed together, and to how many tokens they are padded.

    done: so many articles at the start are left out
    """
    order = np.argsort(-tokens.lengths, kind="stable")  # like lengths together: little padding
    order = order[done:]
    size = TOKENS_ON_GPU if computing_device().type == "cuda" else TOKENS_PER_BATCH
    while len(order):
        width = length or int(tokens.lengths[order[0]])
        rows, order = np.split(order, [max(1, size // width)])
        yield rows, width


def _one_text(model: "PreTrainedModel", width: int, precision: str) -> None:
    ids = torch.zeros(1, width, dtype=torch.int64, device=computing_device())
    with torch.no_grad(), autocast(precision):
        model(ids, attention_mask=torch.ones_like(ids))


def _kept_states(
    model: "PreTrainedModel", tokens: Ragged, rows: np.ndarray, width: int, length: int | None,
    last: int | None, precision: str, pooling: str | None = None,
    padding: np.ndarray | None = None,
) -> torch.Tensor:  # fmt: skip
    """Of one batch, the states that are kept: (positions, d) float16, article after article."""
    ids = torch.from_numpy(tokens.take(rows).padded(width, side="right").astype(np.int64))
    lengths = torch.from_numpy(tokens.lengths[rows])[:, None]  # (n, 1)
    steps = torch.arange(width)
    mask = steps < lengths  # (n, t)
    ids = ids.masked_fill(~mask, model.config.pad_token_id or 0)
    own = mask if padding is None else mask & (steps >= torch.from_numpy(padding[rows])[:, None])
    ids, attend = (of.to(computing_device()) for of in (ids, own.long()))
    with autocast(precision):
        output = model(ids, attention_mask=attend).last_hidden_state  # (n, t, d)
    if pooling is not None:
        return pooled(output, attend.to(output.device).bool(), pooling).cpu().half()
    keep = torch.ones_like(mask) if length else mask & (steps >= lengths - (last or width))
    return output.cpu()[keep].half()


def _reserve(path: Path) -> None:
    """Take the room that a memory-mapped file will need: to run out of it later would be fatal."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def cached_states(
    checkpoint: Path,
    depth: int,
    tokens: Ragged,
    length: int | None,
    precision: str,
    label: str,
    last: int | None = None,
    pooling: str | None = None,
    ends: bool = True,
    padding: np.ndarray | None = None,
    held: tuple[str, ...] = (),
) -> np.ndarray:
    """What `write_states` writes, memory-mapped from the cache of states.

    Made when first wanted: for checkpoint bytes (and those of an adapter's base), depth, tokens
    and their padding, length, last, pooling, ends, held and precision, by each kind of machine for
    itself, and anew where code or libraries are others: all these can change a bit of them. Of
    several stages that want the same at once, one makes them and the others wait.
    """
    digest = hashlib.sha256(np.ascontiguousarray(tokens.values).tobytes())
    digest.update(np.ascontiguousarray(tokens.offsets).tobytes())
    if padding is not None:
        digest.update(padding.tobytes())
    origin = checkpoint_digest(checkpoint.name)
    content = {
        "checkpoint": origin["sha256"],
        "base": origin.get("base"),
        "depth": depth,
        "tokens": digest.hexdigest(),
        "length": length,
        "last": last,
        "pooling": pooling,
        "ends": ends,
        "held": held,
        "precision": precision,
        "computing": environment.computing(),
    }
    made_by = {
        "code": environment.code_digest(*_MADE_BY),
        "libraries": environment.libraries(),
    }
    name, key = (json.dumps(part, sort_keys=True) for part in (content, content | made_by))
    folder = paths.STATES / of_key(name)
    waiting = f"{label}: another stage is making these states; waiting for it"
    with booked_elsewhere(), alone(folder.name, waiting):
        there = (folder / "states.npy").exists() and _text(folder / "key.json") == key
        if not processes.agreed(there):
            with processes.folder_by_first(folder, key) as temporary:
                file, record = temporary / "states.npy", temporary / ".done"
                with taken(len(tokens)) as cost:
                    write_states(
                        file, checkpoint, depth, tokens, precision, label, length, last, record,
                        pooling, ends, padding, held,
                    )  # fmt: skip
                if processes.is_first():
                    write_json(temporary / MADE, cost)
                    write_text(temporary / "key.json", key)
        return load_array(folder / "states.npy")


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
