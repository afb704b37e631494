"""Tuning that begins from the recommender over the frozen encoder: where it begins, and that it is
repeated, told and gone on with."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tiny_study import change

from replication.experiment.run import auc_on_test, run
from replication.study import paths
from replication.study.starts import start_name
from replication.training import loop

pytestmark = pytest.mark.usefixtures("counted_once")


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    """States and starts in folders of the test's own."""
    monkeypatch.setattr(paths, "TRAINING", tmp_path / "training")
    monkeypatch.setattr(paths, "STARTS", tmp_path / "starts")


@pytest.fixture
def steps(monkeypatch) -> list[int]:
    """Of training, as they are made."""
    made: list[int] = []
    learn = loop.loss_of
    monkeypatch.setattr(loop, "loss_of", lambda *a: made.append(1) or learn(*a))
    return made


def beginning(params, protocol: str = "clean", **schedule):
    """`params` tuned from the frozen recommender, under a seeded protocol."""
    params = change(params, protocol, tuning="finetuned", seeded=True)
    changed = {params.schedule_name: replace(params.schedule, start="frozen", **schedule)}
    return replace(params, training=replace(params.training, **changed))


def outcome(folder: Path, params) -> tuple[pl.DataFrame, dict, dict]:
    """Metrics per impression, and what run.json and cost.json tell of the training."""
    run(params, folder, folder.with_suffix(".parquet"))
    record, cost = (json.loads((folder / f"{n}.json").read_bytes()) for n in ("run", "cost"))
    return pl.read_parquet(folder.with_suffix(".parquet")), record["training"], cost


@pytest.mark.slow
@pytest.mark.parametrize("recommender", ["naml", "nrms", "lstur"])
@pytest.mark.parametrize("encoder", ["static", "minilm"])
def test_without_a_step_it_is_the_frozen_run(params, tmp_path, recommender, encoder):
    """With rates of nearly nothing, what is tuned ranks as the frozen run of the same seed does."""
    params = change(params, recommender=recommender, encoder=encoder)
    still = beginning(params, learning_rate=1e-12, encoder_learning_rate=1e-12)
    tuned, training, cost = outcome(tmp_path / "tuned", still)
    frozen, alone, _ = outcome(tmp_path / "frozen", change(params, tuning="frozen"))
    np.testing.assert_allclose(
        np.concatenate(tuned["scores"].to_list()),
        np.concatenate(frozen["scores"].to_list()),
        atol=2e-3,  # stored vectors have 16 bits
    )
    kept = ("steps", "samples", "best_step", "selection_auc")
    assert training["start"] == {key: alone[key] for key in kept}
    assert cost["start_seconds"] > 0 and alone["start"] is None


def test_what_an_audits_run_leaves_as_a_start_tells_its_auc(params, tmp_path, steps):
    """Though its one evaluation decides nothing: runs of the grid tell it."""
    params = beginning(params)
    alone = replace(params.training.frozen, max_steps=2, evaluate_every=9)
    params = replace(params, training=replace(params.training, frozen=alone))
    auc_on_test(change(params, tuning="frozen"))
    assert len(steps) == 2
    _, training, _ = outcome(tmp_path / "tuned", params)
    assert training["start"]["steps"] == 2 and 0 < training["start"]["selection_auc"] < 1
    assert len(steps) == 2 + params.schedule.max_steps


def test_a_fresh_start_is_another(params, tmp_path):
    fresh, training, cost = outcome(tmp_path / "fresh", params)
    begun, _, _ = outcome(tmp_path / "begun", beginning(params))
    assert training["start"] is None and cost["start_seconds"] == 0
    assert fresh["scores"].to_list() != begun["scores"].to_list()


def test_a_search_trains_the_frozen_recommender_once(params, tmp_path, steps):
    params = beginning(params, encoder_learning_rate=(0.01, 0.001), search_steps=2)
    _, training, _ = outcome(tmp_path / "searched", params)
    assert len(training["search"]) == 2
    # The two batches of the better trial are the first of the training, and that of both is one.
    assert len(steps) == training["start"]["steps"] + 1 + training["steps"]


@pytest.mark.slow
@pytest.mark.parametrize("recommender", ["naml", "nrms", "lstur"])
def test_runs_of_all_depths_share_the_frozen_runs_start(params, tmp_path, steps, recommender):
    """To the last bit: what the frozen run leaves is what a tuned one would have made itself."""
    params = change(params, recommender=recommender)
    one, two = (replace(beginning(params), finetune_layers=depth) for depth in (1, 2))
    alone, training, cost = outcome(tmp_path / "alone", one)
    trained = len(steps)
    shared, told, other_cost = outcome(tmp_path / "other", two)
    assert len(steps) - trained == told["steps"] and told["start"] == training["start"]
    assert other_cost["start_seconds"] == cost["start_seconds"] > 0
    assert other_cost["seconds"] >= other_cost["start_seconds"] + other_cost["training_seconds"]
    shutil.rmtree(paths.STARTS)
    frozen = replace(beginning(params), tuning="frozen")
    outcome(tmp_path / "frozen", frozen)
    steps.clear()
    after, again, _ = outcome(tmp_path / "after", one)
    assert len(steps) == again["steps"]
    assert again == training and after.equals(alone) and not shared.equals(alone)


def test_a_start_of_another_seed_or_schedule_or_a_damaged_one_is_not_taken(params, tmp_path, steps):
    params = beginning(params)
    outcome(tmp_path / "first", params)
    longer = replace(params.training.frozen, max_steps=3)
    for other in (
        replace(params, seed=params.seed + 1),
        replace(params, training=replace(params.training, frozen=longer)),
    ):
        steps.clear()
        _, training, _ = outcome(tmp_path / "other", other)
        assert len(steps) == training["start"]["steps"] + training["steps"]
    for path in paths.STARTS.glob("*"):
        path.write_bytes(path.read_bytes()[:100])
    steps.clear()
    _, training, _ = outcome(tmp_path / "again", params)
    assert len(steps) == training["start"]["steps"] + training["steps"]


def test_runs_are_of_one_start_where_its_name_says_so(params, tmp_path):
    """`start_name`, by which starts are counted, against the files that the runs leave."""
    files, names = [], []
    for protocol in ("clean", "released"):
        tuned = beginning(params, protocol)
        for one in (replace(tuned, tuning="frozen"), tuned, replace(tuned, finetune_layers=1)):
            shutil.rmtree(paths.STARTS, ignore_errors=True)
            outcome(tmp_path / "run", one)
            files.append(next(path.name for path in paths.STARTS.glob("*")))
            names.append(start_name(one))
    assert [files.index(file) for file in files] == [0, 0, 0, 3, 4, 4]
    assert [names.index(name) for name in names] == [0, 0, 0, 3, 4, 4]


def test_an_unseeded_protocol_shares_nothing(params, tmp_path):
    unseeded = change(beginning(params), seeded=False)
    outcome(tmp_path / "a", unseeded)
    assert not paths.STARTS.exists()
    assert start_name(unseeded) != start_name(replace(unseeded, finetune_layers=1))
    assert start_name(replace(unseeded, tuning="frozen")) is None


@pytest.mark.parametrize("encoder", ["static", "minilm"])
def test_under_the_releases_protocol_it_has_the_tuned_head(params, tmp_path, encoder):
    """D7: [CLS] through a pooler where layers train, vectors as they are where words do."""
    _, training, _ = outcome(tmp_path / "a", beginning(change(params, encoder=encoder), "released"))
    assert training["start"]["steps"] > 0


class Killed(BaseException):
    pass


@pytest.mark.slow
@pytest.mark.parametrize("at", [2, 6, 8])
def test_a_killed_run_ends_the_same(params, tmp_path, monkeypatch, at):
    """While the frozen recommender is trained, and while the encoder is tuned."""
    from replication.machine.saved_state import SavedState

    monkeypatch.setattr(SavedState, "due", True)
    params = beginning(params)
    whole, *told = outcome(tmp_path / "whole", params)
    shutil.rmtree(paths.STARTS)
    learn, steps = loop.loss_of, []

    def counted(*arguments):
        steps.append(1)
        if len(steps) == at:
            raise Killed
        return learn(*arguments)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(loop, "loss_of", counted)
        outcome(tmp_path / "killed", params)
    killed, *again = outcome(tmp_path / "killed", params)
    assert killed.equals(whole) and again[0] == told[0]
