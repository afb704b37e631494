"""One reported experiment: build, train, score, evaluate, and write down what happened."""

import secrets
import time
from pathlib import Path

import numpy as np
import polars as pl
import torch
from accelerate import Accelerator

from replication import environment, paths
from replication.atomic import new_file, new_folder, write_json
from replication.encoders.checkpoints import checkpoint_digest, parameter_count
from replication.encoders.precision import resolve_precision
from replication.encoders.text import build_text
from replication.evaluation.intervals import bootstrap_ci
from replication.evaluation.metrics import METRICS, impression_metrics, summarise
from replication.evaluation.scoring import score
from replication.mind.prepared import Impressions, Prepared, load_prepared, split_last_day
from replication.params import Params, as_mapping, protocol_label
from replication.recommenders import LSTUR, RECOMMENDERS, Recommender, Sizes
from replication.training.loop import Fit, train


def run_id(params: Params) -> str:
    """Such as `nrms-minilm-finetuned-k2-clean-s1`: what tells one experiment from another."""
    parts = [params.recommender, params.encoder, params.tuning]
    if params.tuning == "finetuned" and params.encoders[params.encoder].layers:
        parts.append(f"k{params.finetune_layers}")
    seed = f"s{params.seed}" if params.protocol.seeded else "unseeded"
    return "-".join([*parts, protocol_label(params.protocol), seed])


def build_recommender(params: Params, data: Prepared) -> Recommender:
    """The recommender of the experiment at hand over its text encoder, parameters fresh."""
    kind = RECOMMENDERS[params.recommender]
    articles, protocol = data.articles, params.protocol
    tuned = params.tuning == "finetuned"
    words = params.encoders[params.encoder].family == "words"
    head = "token"
    if protocol.head == "by_tuning" and tuned:
        head = "word" if words else "cls"
    labels = np.stack([articles.category_id, articles.subcategory_id], axis=1)
    # Loading a checkpoint without a pooler draws one, and how many are loaded depends on which
    # hidden states are cached already: neither may move the generator.
    with torch.random.fork_rng(devices=[]):
        text = build_text(params, kind.fields)
    model = kind(
        text=text,
        labels=torch.tensor(labels, dtype=torch.int64),
        label_count=int(labels.max()),
        users=data.train_users,
        sizes=Sizes(**as_mapping(params.model)),
        head=head,
        masked=protocol.attention_masks,
        zero_padded=tuned and not words,
    )
    if isinstance(model, LSTUR):
        model.reads_padding = protocol.gru_reads == "first_slots"
    return model


def training_and_selection(params: Params, data: Prepared) -> tuple[Impressions, Impressions]:
    """The impressions to learn from, and those that early stopping looks at (D1)."""
    if params.protocol.selection == "test":
        return data.train, data.test
    return split_last_day(data.train)


def run(params: Params, folder: Path, per_impression: Path) -> dict:
    """Run the experiment at hand.

    Writes metrics.json, cost.json and run.json into `folder`, per-impression metrics (Parquet) to
    `per_impression`; returns the content of metrics.json.
    """
    started, clock = environment.now(), time.perf_counter()
    environment.return_freed_memory()
    data = load_prepared(paths.PREPARED)
    precision = resolve_precision(params.training.precision)
    # D11: unseeded as released, yet what was drawn is written down.
    seed = params.seed if params.protocol.seeded else secrets.randbits(31)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    accelerator = Accelerator(
        mixed_precision="bf16" if precision == "bf16" else "no", cpu=not torch.cuda.is_available()
    )
    name = run_id(params)
    model = build_recommender(params, data)
    learn, select = training_and_selection(params, data)

    def selection_auc(model: Recommender) -> float:
        return evaluate(model, select, params, precision)[0]["auc"] or 0.0

    fit = train(model, accelerator, learn, params, selection_auc, rng, name)
    testing = time.perf_counter()
    summary, metrics = evaluate(model, data.test, params, precision)
    test_seconds = time.perf_counter() - testing
    samples = params.evaluation.bootstrap_samples
    summary["ci95"] = bootstrap_ci({m: metrics[m] for m in METRICS}, samples, params.seed)
    save_impressions(per_impression, data.test, metrics)
    with new_folder(folder) as temporary:
        write_json(temporary / "metrics.json", summary)
        write_json(
            temporary / "cost.json",
            _cost(params, model, fit, test_seconds, time.perf_counter() - clock),
        )
        write_json(
            temporary / "run.json",
            {
                "id": name,
                "profile": params.profile,
                "started": started,
                "ended": environment.now(),
                "seed": seed,
                "precision": precision,
                "git": environment.git_commit(),
                "params": _relevant(params),
                "data_sha256": data.meta["sha256"],
                "checkpoint": checkpoint_digest(params.encoder),
                "libraries": environment.libraries(),
                "hardware": environment.hardware(),
                "training": {
                    "steps": fit.steps,
                    "epochs": fit.epochs,
                    "samples": fit.samples,
                    "best_step": fit.best_step,
                    "selection_auc": round(fit.best_auc, 6),
                    "curve": [list(point) for point in fit.curve],
                },
            },
        )
    return summary


def evaluate(
    model: Recommender, impressions: Impressions, params: Params, precision: str
) -> tuple[dict, dict[str, np.ndarray]]:
    """Mean metrics and metrics per impression of one split."""
    scores = score(model, impressions, params, precision)
    metrics = impression_metrics(scores, impressions.labels, impressions.candidates.offsets)
    return summarise(metrics), metrics


def save_impressions(path: Path, impressions: Impressions, metrics: dict[str, np.ndarray]) -> None:
    """Per-impression metrics with what groups them: user and (whole) history length."""
    lengths = impressions.histories.lengths[impressions.history_row]
    frame = pl.DataFrame(
        {
            "impression_id": np.asarray(impressions.impression_id),
            "user": np.asarray(impressions.user),
            "history_length": lengths.astype(np.int32),
            **metrics,
        }
    )
    with new_file(path) as temporary:
        frame.fill_nan(None).write_parquet(temporary)


def _cost(
    params: Params, model: Recommender, fit: Fit, test_seconds: float, seconds: float
) -> dict:
    """What the run took. Articles per second count every slot read in training.

    Parameters are those of the recommender and of the language model, whether its output is
    computed here or read from disk; a text field's own copy of tuned layers counts as well.
    """
    parameters = list(model.parameters())
    total = sum(p.numel() for p in parameters)
    encoder = params.encoders[params.encoder]
    if encoder.family != "words":
        whole = parameter_count(paths.CHECKPOINTS / params.encoder, encoder.layers)
        one_field = sum(p.numel() for p in model.text["title"].parameters())
        total += whole - one_field  # what this field's module does not hold
    return {
        "parameters": total,
        "trainable_parameters": sum(p.numel() for p in parameters if p.requires_grad),
        "seconds": round(seconds, 2),
        "training_seconds": round(fit.seconds, 2),
        "test_seconds": round(test_seconds, 2),
        "articles_per_second": round(fit.articles / fit.seconds, 1),
        "peak_memory_mib": environment.peak_memory_mib(),
        "peak_gpu_memory_mib": (
            round(torch.cuda.max_memory_allocated() / 2**20, 1)
            if torch.cuda.is_available()
            else None
        ),
    }


def _relevant(params: Params) -> dict:
    """The parameters that this run depends on: the rest of the study left out."""
    kept = as_mapping(params)
    kept["encoders"] = {params.encoder: kept["encoders"][params.encoder]}
    kept["training"] = {
        "precision": params.training.precision,
        params.schedule_name: kept["training"][params.schedule_name],
    }
    del kept["grid"]
    return kept
