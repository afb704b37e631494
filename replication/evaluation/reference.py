"""Stage `baselines`: what a learned model must beat, and the most that the data allow."""

import numpy as np

from replication.evaluation.baselines import (
    popularity_scores,
    random_scores,
    true_probabilities,
)
from replication.evaluation.clusters import clusters_of
from replication.evaluation.intervals import bootstrap_ci
from replication.evaluation.metrics import METRICS, impression_metrics, summarise
from replication.files.atomic import write_json
from replication.mind.columns.prepared import load_prepared
from replication.study import paths
from replication.study.params import Params

SEED = 1  # not the experiment's: its change leaves the references as they are


def write_baselines(params: Params) -> None:
    """Write reports/baselines.json: random, popularity and ceiling on the test split.

    The ceiling ranks by the true click probabilities, which only the demo corpus knows; elsewhere
    it is null, with the reason.
    """
    data = load_prepared(paths.PREPARED)
    test, train = data.test, data.train
    clusters = clusters_of(test)
    candidates = np.asarray(test.candidates.values)
    offsets = np.asarray(test.candidates.offsets)
    found = {
        "random": random_scores(len(candidates), SEED),
        "popularity": popularity_scores(
            np.asarray(train.candidates.values),
            np.asarray(train.labels),
            len(data.articles.news_id),
            candidates,
        ),
    }
    if paths.TRUTH.exists():
        split = "train" if data.meta.get("train_days") else "dev"  # that the test is from
        ids = np.asarray(test.impression_id)
        found["ceiling"] = true_probabilities(paths.TRUTH, ids, offsets, split)
    result: dict = {}
    for name, scores in found.items():
        metrics = impression_metrics(scores, np.asarray(test.labels), offsets)
        interval = bootstrap_ci(
            {m: metrics[m] for m in METRICS},
            params.evaluation.bootstrap_samples,
            SEED,
            clusters=clusters,
        )
        result[name] = {**summarise(metrics), "ci95": interval}
    if "ceiling" not in result:
        result["ceiling"] = None
        result["reason"] = "the true click probabilities of real data are not known"
    write_json(paths.BASELINES, result)
