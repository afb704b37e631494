"""The recommender of an experiment: built fresh, trained, and measured."""

from dataclasses import replace

import numpy as np
import torch

from replication.encoders.models.text import build_text
from replication.evaluation.metrics import impression_metrics, summarise
from replication.evaluation.scoring import score
from replication.mind.columns.labelled import days, require_decided
from replication.mind.columns.prepared import Impressions, Prepared, split_last_day
from replication.recommenders import Recommender, Sizes
from replication.study.params import Params, as_mapping
from replication.study.registry import RECOMMENDERS
from replication.study.runs import run_id
from replication.study.starts import by_tuning
from replication.training.loop import train
from replication.training.progress import Fit, Progress


def build_recommender(params: Params, data: Prepared, as_it_is: bool = False) -> Recommender:
    """The recommender of the experiment at hand over its text encoder, parameters fresh.

    as_it_is  over the frozen encoder, though the experiment tunes it: what learns beside the
              encoder is the same
    """
    kind = RECOMMENDERS[params.recommender]
    articles, protocol = data.articles, params.protocol
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
        masked=protocol.attention_masks,
        **by_tuning(params),
        xavier=protocol.initialisation == "xavier",
    )
    model.follow(protocol)
    if protocol.selection == "last_day":
        # Users of the held-out day alone have no sample. The release holds no day out, and numbers
        # everybody who stands in the training split (D1).
        model.forget()
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


def learned(
    model: Recommender,
    params: Params,
    data: Prepared,
    precision: str,
    progress: Progress,
    told: bool = True,
) -> Fit:
    """Train a recommender in place by the schedule of the experiment at hand.

    told: see `train`
    """
    rng = np.random.default_rng(progress.seed)
    learn, select = training_and_selection(params, data)

    def selection_auc(model: Recommender) -> float:
        return evaluate(model, select, params, precision)[0]["auc"]

    label = run_id(params)
    return train(model, precision, learn, params, selection_auc, rng, label, progress, told)


def evaluate(
    model: Recommender, impressions: Impressions, params: Params, precision: str
) -> tuple[dict, dict[str, np.ndarray], np.ndarray]:
    """Mean metrics, metrics per impression and scores (N,) float32 of one split's candidates."""
    scores = score(model, impressions, params, precision)
    metrics = impression_metrics(scores, impressions.labels, impressions.candidates.offsets)
    return summarise(metrics), metrics, scores
