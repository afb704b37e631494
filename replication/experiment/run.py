"""One reported experiment: build, train, score, evaluate, and write down what happened."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from replication.encoders.models.making import booked_elsewhere
from replication.encoders.sources.checkpoints import checkpoint_digest
from replication.evaluation.clusters import clusters_of
from replication.evaluation.cold_start import HALVES, cold_start, user_groups
from replication.evaluation.intervals import bootstrap_ci
from replication.evaluation.metrics import METRICS
from replication.experiment.fitting import (
    build_recommender,
    evaluate,
    learned,
    training_and_selection,
)
from replication.experiment.layers import layer_evidence
from replication.experiment.record import clicks, cost, origin, relevant, save_impressions
from replication.experiment.start import FrozenStart, leave_start
from replication.files.atomic import new_folder, write_json
from replication.machine import environment, processes
from replication.machine.precision import resolve_precision
from replication.machine.saved_state import state_of
from replication.mind.columns.prepared import Prepared, load_prepared
from replication.recommenders import Recommender
from replication.study import paths
from replication.study.params import Params
from replication.study.runs import run_id
from replication.study.starts import start_name
from replication.training.operations import operations_a_sample
from replication.training.progress import Fit, Progress
from replication.training.search import search


def run(params: Params, folder: Path, per_impression: Path) -> dict:
    """Run the experiment at hand.

    Writes metrics.json, cold_start.json, cost.json and run.json into `folder`, where another part
    than the top layers is tuned layers.json too (`experiment/layers.py`), and metrics of each
    impression (Parquet) to `per_impression`; returns the content of metrics.json. A run that was
    cut off goes on from its last state in cache/training, if there is one, to the same result.
    Where another stage is at the same run, this one waits for it. Several processes share training
    and scoring; the first one writes.
    """
    with _opened(params) as at:
        one = _tested(params, at)
        found = None
        if params.tuning == "finetuned" and params.tuned_parts != "top":
            with booked_elsewhere():
                found = layer_evidence(one.model, one.params, at.data, at.start, at.precision)
        if processes.is_first():
            _write(one, found, at, folder, per_impression)
        return one.summary


def auc_on_test(params: Params) -> tuple[float, np.ndarray, float]:
    """Of the experiment at hand, of which nothing is written: AUC of the test split, that of each
    impression (I,), NaN where there is none, and the seconds it took. It goes on as `run` does.

    An evaluation of the selection split that decides nothing is not made."""
    with _opened(params) as at:
        one = _tested(params, at, told=False)
        seconds = at.progress.seconds + one.seconds["start"]
        return one.summary["auc"], one.metrics["auc"], seconds


@dataclass(frozen=True)
class _Experiment:
    """What all parts of an experiment read. precision: bf16 or fp32."""

    data: Prepared
    precision: str
    progress: Progress
    start: FrozenStart


@dataclass(frozen=True)
class _Tested:
    """A recommender that is trained, and measured on the test split.

    params   with one value for each learning rate, of those that were tried
    metrics  of each impression (I,), by name; `summary`: their means
    scores   (N,) float32 of all candidates
    seconds  of start, search and test
    """

    params: Params
    tried: list[dict]
    model: Recommender
    fitted: Fit
    summary: dict
    metrics: dict[str, np.ndarray]
    scores: np.ndarray
    seconds: dict[str, float]


def _tested(params: Params, at: _Experiment, told: bool = True) -> _Tested:
    """told: of training; see `train`. What a frozen run leaves as a start tells its AUC too."""
    progress = at.progress
    told = told or (params.tuning == "frozen" and start_name(params) is not None)

    def trial_auc(trial: Params, whole: Params) -> float:
        return progress.trial(trial.schedule, whole.schedule, lambda: _fit(trial, at)[1])

    params, tried = search(params, trial_auc)
    progress.search_ends()
    model, fitted = _fit(params, at, told)
    leave_start(params, at.data, model, fitted, progress)
    testing = time.perf_counter()
    measured = evaluate(model, at.data.test, params, at.precision)
    seconds = {"search": progress.search_seconds, "test": time.perf_counter() - testing}
    seconds["start"] = progress.begun["seconds"] if progress.begun else 0.0
    return _Tested(params, tried, model, fitted, *measured, seconds)


def _write(
    one: _Tested, found: dict | None, at: _Experiment, folder: Path, per_impression: Path
) -> None:
    """found: of `layer_evidence`"""
    params, model, fitted, metrics = one.params, one.model, one.fitted, one.metrics
    data, progress = at.data, at.progress
    with booked_elsewhere():
        learn, _ = training_and_selection(params, data)
        operations = operations_a_sample(model, learn, params, at.precision)
    samples = params.evaluation.bootstrap_samples
    clusters = clusters_of(data.test)
    one.summary["ci95"] = bootstrap_ci(
        {m: metrics[m] for m in METRICS}, samples, params.seed, clusters=clusters
    )
    rule = params.protocol.groups
    groups = user_groups(data.test, rule, params.history)
    lengths = clicks(data.test)
    halves = user_groups(data.test, rule, params.history, HALVES)
    users = np.asarray(data.test.user)
    cold = cold_start(metrics, lengths, groups, users, samples, params.seed, halves, clusters)
    save_impressions(per_impression, data.test, lengths, groups, metrics, one.scores)
    with new_folder(folder) as temporary:
        write_json(temporary / "metrics.json", one.summary)
        write_json(temporary / "cold_start.json", {"rule": rule, **cold})
        seconds = one.seconds | {"all": progress.seconds + one.seconds["start"]}
        took = cost(params, model, fitted, seconds, progress.resumed, operations)
        write_json(temporary / "cost.json", took)
        if found is not None:
            write_json(temporary / "layers.json", found)
        write_json(
            temporary / "run.json",
            origin(params, data, run_id(params), progress, at.precision, model, fitted, one.tried),
        )


@contextmanager
def _opened(params: Params) -> Iterator[_Experiment]:
    """The experiment at hand: what a run of it that was cut off has left, or nothing yet."""
    data = load_prepared(paths.PREPARED)
    precision = resolve_precision(params.training.precision)
    key = environment.result_key(
        environment.RUNS,
        params=relevant(params),
        data=data.meta["sha256"],
        checkpoint=checkpoint_digest(params.encoder),
    )
    with state_of(paths.TRAINING / run_id(params), key) as state:
        # D11: unseeded as released, yet what was drawn is written down.
        seed = params.seed if params.protocol.seeded else secrets.randbits(31)
        progress = Progress(state, int(processes.agreed(seed)))
        yield _Experiment(data, precision, progress, FrozenStart(params, data, precision, progress))


def _fit(params: Params, at: _Experiment, told: bool = True) -> tuple[Recommender, Fit]:
    """A recommender trained as the experiment at hand says; all that is drawn follows the seed."""
    torch.manual_seed(at.progress.seed)
    model = build_recommender(params, at.data)
    # A run that is gone on with, or that a trial has begun, has left its start behind.
    if params.schedule.start == "frozen" and not at.progress.fit(params.schedule).steps:
        at.start.give(model)
        torch.manual_seed(at.progress.seed)
    return model, learned(model, params, at.data, at.precision, at.progress, told)
