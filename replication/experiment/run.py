"""One reported experiment: build, train, score, evaluate, and write down what happened."""

import secrets
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from replication.encoders.models.making import booked_elsewhere
from replication.encoders.models.text import build_text
from replication.encoders.sources.checkpoints import checkpoint_digest
from replication.evaluation.clusters import clusters_of
from replication.evaluation.cold_start import HALVES, cold_start, user_groups
from replication.evaluation.intervals import bootstrap_ci
from replication.evaluation.metrics import METRICS, impression_metrics, summarise
from replication.evaluation.scoring import score
from replication.experiment.record import clicks, cost, origin, relevant, save_impressions
from replication.files.atomic import new_folder, write_json
from replication.machine import environment, processes
from replication.machine.precision import resolve_precision
from replication.machine.saved_state import SavedState
from replication.mind.columns.labelled import days, require_decided
from replication.mind.columns.prepared import Impressions, Prepared, load_prepared, split_last_day
from replication.recommenders import Recommender, Sizes
from replication.study import paths
from replication.study.checks import RATES, candidates
from replication.study.params import Params, as_mapping
from replication.study.registry import FAMILIES, RECOMMENDERS
from replication.study.runs import run_id
from replication.training.loop import train
from replication.training.operations import operations_a_sample
from replication.training.progress import Fit, Progress
from replication.training.search import search, with_rates


def build_recommender(params: Params, data: Prepared, as_it_is: bool = False) -> Recommender:
    """The recommender of the experiment at hand over its text encoder, parameters fresh.

    as_it_is  over the frozen encoder, though the experiment tunes it: what learns beside the
              encoder is the same
    """
    kind = RECOMMENDERS[params.recommender]
    articles, protocol = data.articles, params.protocol
    tuned = params.tuning == "finetuned"
    family = FAMILIES[params.registry[params.encoder].family]
    head = family.head if protocol.head == "by_tuning" and tuned else "token"
    labels = np.stack([articles.category_id, articles.subcategory_id], axis=1)
    if protocol.labels == "training":
        labels = numbered_from_training(labels, articles.in_train)
    # Loading a checkpoint without a pooler draws one, and how many are loaded depends on which
    # hidden states are cached already: neither may move the generator.
    with torch.random.fork_rng(devices=[]):
        text = build_text(replace(params, tuning="frozen") if as_it_is else params, kind.fields)
    model = kind(
        text=text,
        labels=torch.tensor(labels, dtype=torch.int64),
        label_count=int(labels.max()),
        users=data.train_users,
        sizes=Sizes(**as_mapping(params.model)),
        head=head,
        masked=protocol.attention_masks,
        # The release multiplies empty slots by zero where a PLM is tuned, and nowhere else.
        zero_padded=(tuned and family.trains_layers) or protocol.empty_slots == "zeros",
        xavier=protocol.initialisation == "xavier",
    )
    model.follow(protocol)
    return model


def numbered_from_training(labels: np.ndarray, in_train: np.ndarray) -> np.ndarray:
    """Labels (articles, 2) as released (D15): those of training articles from 1 on, others 0."""
    known = np.unique(labels[in_train])
    known = known[known > 0]
    return np.where(np.isin(labels, known), np.searchsorted(known, labels) + 1, 0)


def training_and_selection(params: Params, data: Prepared) -> tuple[Impressions, Impressions]:
    """The impressions to learn from, and those that early stopping looks at (D1).

    StudyError where these have no AUC, by which a step could be chosen.
    """
    if params.protocol.selection == "test":
        learn, select, where = data.train, data.test, "dev/behaviors.tsv"
    else:
        learn, select = split_last_day(data.train)
        where = f"train/behaviors.tsv: its last day, {days(select.time)}"
    purpose = "early stopping has no AUC to look at (protocol key selection)"
    remedy = "get the clicks of that time, or leave its lines out"
    require_decided(select.candidates, select.labels, where, purpose, remedy)
    return learn, select


def run(params: Params, folder: Path, per_impression: Path, counted: bool = True) -> dict:
    """Run the experiment at hand.

    Writes metrics.json, cold_start.json, cost.json and run.json into `folder`, per-impression
    metrics (Parquet) to `per_impression`; returns the content of metrics.json. A run that was cut
    off goes on from its last state in cache/training, if there is one, to the same result. Several
    processes share training and scoring; the first one writes.

    counted: whether floating-point operations are, which takes one step more
    """
    environment.return_freed_memory()
    data = load_prepared(paths.PREPARED)
    progress = _progress(params, data)
    precision = resolve_precision(params.training.precision)

    start = FrozenStart(params, data, precision, progress)

    def trial_auc(trial: Params) -> float:
        learn = partial(fit, trial, data, precision, progress, start)
        return progress.trial(trial.schedule, lambda: learn()[1])

    params, tried = search(params, trial_auc)
    model, fitted = fit(params, data, precision, progress, start)
    testing = time.perf_counter()
    summary, metrics, scores = evaluate(model, data.test, params, precision)
    if not processes.is_first():
        return summary
    seconds = {"search": progress.search_seconds, "test": time.perf_counter() - testing}
    operations = None
    if counted:
        with booked_elsewhere():
            learn, _ = training_and_selection(params, data)
            operations = operations_a_sample(model, learn, params, precision)
    seconds["start"] = progress.begun["seconds"] if progress.begun else 0.0
    samples = params.evaluation.bootstrap_samples
    clusters = clusters_of(data.test)
    summary["ci95"] = bootstrap_ci(
        {m: metrics[m] for m in METRICS}, samples, params.seed, clusters=clusters
    )
    rule = params.protocol.groups
    groups = user_groups(data.test, rule, params.history)
    lengths = clicks(data.test)
    halves = user_groups(data.test, rule, params.history, HALVES)
    users = np.asarray(data.test.user)
    cold = cold_start(metrics, lengths, groups, users, samples, params.seed, halves, clusters)
    save_impressions(per_impression, data.test, lengths, groups, metrics, scores)
    with new_folder(folder) as temporary:
        write_json(temporary / "metrics.json", summary)
        write_json(temporary / "cold_start.json", {"rule": rule, **cold})
        seconds["all"] = progress.seconds
        took = cost(params, model, fitted, seconds, progress.resumed, operations)
        write_json(temporary / "cost.json", took)
        write_json(
            temporary / "run.json",
            origin(params, data, run_id(params), progress, precision, model, fitted, tried),
        )
    progress.state.remove()
    return summary


def _progress(params: Params, data: Prepared) -> Progress:
    """Of the experiment at hand: what a run of it that was cut off has left, or nothing yet."""
    key = environment.result_key(
        params=relevant(params),
        data=data.meta["sha256"],
        checkpoint=checkpoint_digest(params.encoder),
    )
    state = SavedState(paths.TRAINING / run_id(params), key)
    # D11: unseeded as released, yet what was drawn is written down.
    seed = params.seed if params.protocol.seeded else secrets.randbits(31)
    return Progress(state, int(processes.agreed(seed)))


class FrozenStart:
    """What a recommender has learned over the frozen encoder, from which tuning begins where the
    schedule says so: trained when first wanted, and once for all trials of a search.

    Under the protocol `clean` it is, to the last bit, the recommender of the frozen cell of the
    same seed; under the release's, which gives tuned encoders another head, it has that head.
    """

    def __init__(self, params: Params, data: Prepared, precision: str, progress: Progress):
        frozen = replace(params, tuning="frozen")
        rate, unused = (candidates(getattr(frozen.schedule, key))[0] for key in RATES)
        self._frozen = with_rates(frozen, rate, unused)
        self._tuned, self._data, self._precision = params, data, precision
        self._progress = progress
        self._learned: dict[str, Tensor] | None = None

    def give(self, model: Recommender) -> None:
        """Put it into `model`, beside the encoder's own parameters."""
        if self._learned is None:
            torch.manual_seed(self._progress.seed)
            frozen = build_recommender(self._tuned, self._data, as_it_is=True)
            fitted = learned(frozen, self._frozen, self._data, self._precision, self._progress)
            self._learned = {
                name: p.detach().cpu()
                for name, p in frozen.named_parameters()
                if not name.startswith("text.")
            }
            self._progress.begun = {
                "steps": fitted.steps,
                "samples": fitted.samples,
                "best_step": fitted.best_step,
                "selection_auc": round(fitted.best_auc, 6),
                "seconds": round(fitted.seconds, 2),
            }
        model.load_state_dict(self._learned, strict=False)


def fit(
    params: Params, data: Prepared, precision: str, progress: Progress, start: FrozenStart
) -> tuple[Recommender, Fit]:
    """A recommender trained as the experiment at hand says; all that is drawn follows the seed."""
    torch.manual_seed(progress.seed)
    model = build_recommender(params, data)
    # A run that is gone on with has left its start behind.
    if params.schedule.start == "frozen" and not progress.fit(params.schedule).steps:
        start.give(model)
        torch.manual_seed(progress.seed)
    return model, learned(model, params, data, precision, progress)


def learned(
    model: Recommender, params: Params, data: Prepared, precision: str, progress: Progress
) -> Fit:
    """Train a recommender in place by the schedule of the experiment at hand."""
    rng = np.random.default_rng(progress.seed)
    learn, select = training_and_selection(params, data)

    def selection_auc(model: Recommender) -> float:
        return evaluate(model, select, params, precision)[0]["auc"]

    return train(model, precision, learn, params, selection_auc, rng, run_id(params), progress)


def evaluate(
    model: Recommender, impressions: Impressions, params: Params, precision: str
) -> tuple[dict, dict[str, np.ndarray], np.ndarray]:
    """Mean metrics, metrics per impression and scores (N,) float32 of one split's candidates."""
    scores = score(model, impressions, params, precision)
    metrics = impression_metrics(scores, impressions.labels, impressions.candidates.offsets)
    return summarise(metrics), metrics, scores
