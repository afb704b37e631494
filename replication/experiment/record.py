"""What is written down of a run: metrics per impression, what it cost, what it came from."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from replication.encoders.models.layouts import copied
from replication.encoders.models.making import states_cost
from replication.encoders.models.text import StoredVectors, TunedTransformer
from replication.encoders.models.tuned_parts import published
from replication.encoders.sources.adapters import model_folder
from replication.encoders.sources.checkpoints import checkpoint_digest, parameter_count
from replication.files.atomic import new_file
from replication.files.digest import sha256
from replication.files.listing import files_below, files_in
from replication.machine import environment, memory, processes
from replication.machine.git import git_commit
from replication.mind.columns.prepared import Impressions, Prepared
from replication.recommenders import Recommender
from replication.study import paths
from replication.study.params import Params, as_mapping
from replication.study.registry import FAMILIES
from replication.training.progress import Fit, Progress


def clicks(impressions: Impressions) -> np.ndarray:
    """Clicks in the whole history of each impression: (I,) int32."""
    return impressions.histories.lengths[impressions.history_row].astype(np.int32)


def save_impressions(
    path: Path,
    impressions: Impressions,
    lengths: np.ndarray,
    groups: np.ndarray,
    metrics: dict[str, np.ndarray],
    scores: np.ndarray | None = None,
) -> None:
    """Per-impression metrics with what groups them: user, history length, group of five.

    scores: (N,) float32 of all candidates; by them a rerun's rankings are compared with these.
    """
    frame = pl.DataFrame(
        {
            "impression_id": np.asarray(impressions.impression_id),
            "user": np.asarray(impressions.user),
            "history_length": lengths,
            "group": groups,
            **metrics,
        }
    )
    frame = frame.fill_nan(None)
    if scores is not None:
        frame = frame.with_columns(_by_impression(scores, impressions.candidates.lengths))
    with new_file(path) as temporary:
        frame.write_parquet(temporary)


def _by_impression(scores: np.ndarray, lengths: np.ndarray) -> pl.Series:
    """(N,) values of candidates as (I,) lists, for `lengths` (I,) candidates each."""
    rows = pl.DataFrame({"row": np.arange(len(lengths))})
    owner = np.repeat(np.arange(len(lengths)), lengths)
    lists = (
        pl.DataFrame({"row": owner, "scores": scores})
        .group_by("row", maintain_order=True)
        .agg("scores")
    )
    return rows.join(lists, on="row", how="left", maintain_order="left")["scores"]


def cost(
    params: Params,
    model: Recommender,
    fit: Fit,
    seconds: dict[str, float],
    resumed: int,
    operations: float | None,
) -> dict:
    """What the run took; `seconds` are those of its parts: start, search, test, all.

    operations  floating-point operations of training a sample (`training.operations`)
    resumed  how often the run was cut off and went on: seconds are then the sum over its parts
             without what was lost, and memory is that of the last part

    Of several processes, seconds and articles are those of all together, memory that of the first.

    Cached states below a cut are booked here to every run that reads them, and are no part of its
    own seconds, whoever made them. What stage `embed` took stands in its own record, and
    `reads_embeddings` says whether this run needed it.

    Articles per second count every slot read in training. Parameters are those of the recommender
    and of the language model, whether its output is computed here or read from disk; a text field's
    own copy of tuned layers counts as well.
    """
    parameters = list(model.parameters())
    total = sum(p.numel() for p in parameters)
    encoder = params.registry[params.encoder]
    if FAMILIES[encoder.family].layer:
        checkpoint = model_folder(paths.CHECKPOINTS / params.encoder)  # of an adapter, its base
        whole = parameter_count(checkpoint, encoder.layers)
        one_field = next(iter(model.text.values()))
        # What this field's module does not hold.
        total += whole - sum(p.numel() for p in published(one_field))
        if isinstance(one_field, TunedTransformer):
            total += copied(one_field.top, params.cut)
    folders = {path.parent for path in stored(model).values()}
    embedded = (paths.EMBEDDINGS / params.encoder).resolve()
    words = not FAMILIES[encoder.family].layer  # their table is stage `embed`'s
    return {
        "parameters": total,
        "trainable_parameters": sum(p.numel() for p in parameters if p.requires_grad),
        "seconds": round(seconds["all"], 2),
        "start_seconds": round(seconds["start"], 2),
        "search_seconds": round(seconds["search"], 2),
        "training_seconds": round(fit.seconds, 2),
        "test_seconds": round(seconds["test"], 2),
        "seconds_a_sample": round(fit.seconds / fit.samples, 6),
        "operations_a_sample": operations,
        "reads_embeddings": words or embedded in folders,
        **states_cost(folders - {embedded}),
        "articles_per_second": round(fit.articles / fit.seconds, 1),
        "resumed": resumed,
        "processes": processes.count(),
        **memory.peak_memory(),
    }


def origin(
    params: Params,
    data: Prepared,
    name: str,
    progress: Progress,
    precision: str,
    model: Recommender,
    fit: Fit,
    tried: list[dict],
) -> dict:
    """What the run came from and how its training went: the content of run.json."""
    return {
        "id": name,
        "profile": params.profile,
        "started": progress.started,
        "ended": environment.now(),
        "seed": progress.seed,
        "precision": precision,
        "git": git_commit(),
        "params": relevant(params),
        "data_sha256": data.meta["sha256"],
        "checkpoint": checkpoint_digest(params.encoder),
        "inputs_sha256": inputs(params, model),
        "code_sha256": environment.loaded_code(),
        "libraries": environment.libraries(),
        "hardware": environment.hardware(),
        "computing": environment.computing(),
        "training": {
            "steps": fit.steps,
            "epochs": fit.epochs,
            "samples": fit.samples,
            "best_step": fit.best_step,
            "selection_auc": round(fit.best_auc, 6),
            "start": progress.begun and {k: v for k, v in progress.begun.items() if k != "seconds"},
            "search": tried,
            "curve": [list(point) for point in fit.curve],
        },
    }


def inputs(params: Params, model: Recommender) -> dict[str, str]:
    """SHA-256 of every file that the run read beside the checkpoint's own, by its path.

    Hidden states come from a cache, where a file's name depends on more than its content: they are
    named by their text field.
    """
    folder, found = paths.EMBEDDINGS / params.encoder, {}
    files = files_below(paths.PREPARED)
    files += [path for path in files_in(folder) if not path.name.endswith(".states.npy")]
    for path in files:
        found[path.as_posix()] = sha256(path)
    for field, path in stored(model).items():
        kept = path.parent == folder.resolve()
        name = folder / path.name if kept else paths.STATES / field
        found[name.as_posix()] = sha256(path)
    return found


def stored(model: Recommender) -> dict[str, Path]:
    """By text field, the file of vectors that the model reads, where it reads one."""
    found = {}
    for field, text in model.text.items():
        for module in text.modules():
            if isinstance(module, StoredVectors):
                mapped: Any = module.states  # a np.memmap, which knows its file
                found[field] = Path(mapped.filename)
    return found


def relevant(params: Params) -> dict:
    """The parameters that this run depends on: the rest of the study left out."""
    kept = as_mapping(params)
    adapter = kept["adapters"].get(params.encoder)
    kept["adapters"] = {params.encoder: adapter} if adapter else {}
    base = adapter["base"] if adapter else params.encoder
    kept["encoders"] = {base: kept["encoders"][base]}
    used = [params.schedule_name]
    if params.schedule.start == "frozen":
        used.append("frozen")
    kept["training"] = {
        "precision": params.training.precision,
        **{name: kept["training"][name] for name in used},
    }
    for study in ("grid", "sweep", "parts", "audit", "paper", "study", "questions"):
        del kept[study]
    if not params.tunes_lora:
        del kept["lora"]
    return kept
