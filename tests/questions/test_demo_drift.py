"""The demo's generator drifts where it is told to, and the slope over time sees that and no other.

What ranks is the share of a subject in the history, which is not trained: it loses what the
readers' interests turn away from.
"""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from replication.evaluation.clusters import clusters_of
from replication.evaluation.metrics import impression_metrics
from replication.files.errors import StudyError
from replication.mind.columns.prepared import load_prepared
from replication.mind.demo.corpus import DemoSize, write_demo
from replication.mind.prepare import prepare
from replication.questions.exposures import exposures
from replication.questions.slopes import slope

SIZE = DemoSize(800, 1500, 300, 9000, 300)


def by_time(folder: Path, drift: float) -> tuple[float, list[float], float | None]:
    """Slope of AUC a day over the later days of training, its interval, and p."""
    write_demo(folder / "raw", SIZE, 5, drift)
    prepare(folder / "raw", folder / "prepared", train_days=3)
    data = load_prepared(folder / "prepared")
    test, subject = data.test, data.articles.subcategory_id
    read = np.zeros((len(test.histories), int(subject.max()) + 1))
    rows = np.repeat(np.arange(len(read)), test.histories.lengths)
    np.add.at(read, (rows, subject[test.histories.values]), 1)
    read /= np.maximum(read.sum(axis=1, keepdims=True), 1)
    each = np.repeat(test.history_row, test.candidates.lengths)
    scores = read[each, subject[test.candidates.values]]
    auc = impression_metrics(scores, np.asarray(test.labels), test.candidates.offsets)["auc"]
    days = exposures(data.train, data.train, test)["time"]
    found, sure = slope([auc], days, clusters_of(test))
    return found, sure.interval(found), sure.p(found)


@pytest.mark.slow
def test_interests_that_turn_are_seen_over_time(tmp_path):
    found, (_, high), p = by_time(tmp_path, 0.15)
    assert found < -0.01 and high < 0 and p < 0.01


@pytest.mark.slow
def test_interests_that_stay_are_not(tmp_path):
    _, (low, high), p = by_time(tmp_path, 0.0)
    assert low < 0 < high and p > 0.05


def test_without_drift_the_corpus_is_what_it_was(tmp_path):
    """Bytes of before there was a drift."""
    write_demo(tmp_path / "demo", DemoSize(400, 120, 120, 300, 150), 7)
    files = sorted(p for p in (tmp_path / "demo").rglob("*.tsv"))
    found = [hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in files]
    assert found == ["a2012a239942", "5e80cebf3765", "abf9a5353495", "9e4c2ea7500e"]


def test_a_drift_out_of_range_is_told(tmp_path):
    for drift in (-0.1, 1.5, float("nan")):
        with pytest.raises(StudyError, match="demo corpus: drift is"):
            write_demo(tmp_path / "demo", SIZE, 1, drift)
