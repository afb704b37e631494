"""Training goes on from the best trial of a search, and comes to what it would from its start."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_study import change, with_schedule

from replication.experiment.run import run
from replication.study import paths
from replication.training import loop

pytestmark = pytest.mark.usefixtures("counted_once")

STEPS = 5  # of a run, which is evaluated after every second and after the last
RATES = (0.0001, 0.05)


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    """States and starts in folders of the test's own."""
    monkeypatch.setattr(paths, "TRAINING", tmp_path / "training")
    monkeypatch.setattr(paths, "STARTS", tmp_path / "starts")


@pytest.fixture
def trained(monkeypatch) -> list[int]:
    """Of batches, as they are learned from."""
    made: list[int] = []
    learn = loop.loss_of
    monkeypatch.setattr(loop, "loss_of", lambda *a: made.append(1) or learn(*a))
    return made


def outcome(folder: Path, params) -> tuple[list[bytes], dict, dict]:
    """The bytes of all that was found, what is told of the training, and its cost."""
    run(params, folder, folder.with_suffix(".parquet"))
    record, cost = (json.loads((folder / f"{n}.json").read_bytes()) for n in ("run", "cost"))
    files = (folder / "metrics.json", folder / "cold_start.json", folder.with_suffix(".parquet"))
    return [file.read_bytes() for file in files], record["training"], cost


def searched_and_alone(params, tmp_path, trained, rates=RATES, **schedule):
    """A run that searches, checked against one that has the rate which was found; batches that the
    first one learned from."""
    searched = with_schedule(params, encoder_learning_rate=rates, **schedule)
    found, told, cost = outcome(tmp_path / "searched", searched)
    count = len(trained)
    tried = told.pop("search")
    best = max(tried, key=lambda trial: trial["selection_auc"])
    alone = with_schedule(searched, encoder_learning_rate=best["encoder_learning_rate"])
    expected, described, _ = outcome(tmp_path / "alone", alone)
    assert described.pop("search") == []
    assert found == expected and told == described
    assert cost["seconds"] >= sum(cost[f"{of}_seconds"] for of in ("search", "training", "test"))
    return count


@pytest.mark.parametrize(
    "search_steps", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 3, STEPS, None))]
)
def test_a_search_changes_nothing_but_the_rate(params, tmp_path, trained, search_steps):
    """Whether the run is evaluated where its trials end, goes by, or ends there."""
    count = searched_and_alone(params, tmp_path, trained, search_steps=search_steps)
    assert count == (search_steps or STEPS) + STEPS - 1  # all trials share their first batch


@pytest.mark.parametrize("rates", [RATES, RATES[::-1]])
def test_whichever_trial_is_the_best(params, tmp_path, trained, rates):
    assert searched_and_alone(params, tmp_path, trained, rates, search_steps=3) == 2 + STEPS


@pytest.mark.parametrize("rates", [RATES, RATES[::-1]])
def test_the_batch_that_trials_share_is_trainings_own(params, tmp_path, monkeypatch, rates):
    """Its seconds too, whichever trial learned from it and whichever training goes on from; they
    count once."""
    learn, pause = loop.loss_of, 0.05
    monkeypatch.setattr(loop, "loss_of", lambda *a: time.sleep(pause) or learn(*a))
    params = with_schedule(params, encoder_learning_rate=rates, search_steps=1)
    cost = outcome(tmp_path / "searched", params)[2]
    assert cost["training_seconds"] >= STEPS * pause
    assert cost["seconds"] >= sum(cost[f"{of}_seconds"] for of in ("search", "training", "test"))


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["minilm", "static"])
@pytest.mark.parametrize("search_steps", [1, 3])
def test_under_the_releases_protocol(params, tmp_path, trained, encoder, search_steps):
    """With dropout from the first validation of the run on (D5), which is not that of a trial."""
    params = change(params, "released", encoder=encoder, tuning="finetuned", seeded=True)
    searched_and_alone(params, tmp_path, trained, search_steps=search_steps)


def test_from_a_frozen_recommender(params, tmp_path, trained):
    layers = replace(params.training.tuned_layers, start="frozen")
    params = replace(params, training=replace(params.training, tuned_layers=layers))
    searched_and_alone(params, tmp_path, trained, search_steps=3)


def test_a_trial_that_patience_ended_is_the_whole_training(params, tmp_path, trained):
    """It has stopped where the run would: nothing is left to be trained."""
    still = {"search_steps": None, "learning_rate": 0.0, "evaluate_every": 1, "patience": 2}
    assert searched_and_alone(params, tmp_path, trained, (0.0, 1e-12), **still) == 3 + 2
