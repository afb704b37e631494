"""The search tries every pair of listed rates and takes the best on the selection split."""

from dataclasses import replace

import pytest
from tiny_study import change, with_schedule

from replication.training.search import search

SLOW, FAST = 0.001, 0.1


def test_without_a_list_nothing_is_tried(params):
    plain = with_schedule(params, learning_rate=(FAST,), encoder_learning_rate=SLOW)

    def never(trial, whole):
        raise AssertionError("tried")

    chosen, tried = search(plain, never)
    assert tried == []
    assert (chosen.schedule.learning_rate, chosen.schedule.encoder_learning_rate) == (FAST, SLOW)
    assert chosen.schedule.max_steps == plain.schedule.max_steps


def test_every_pair_is_tried_and_the_best_taken(params):
    listed = with_schedule(
        params,
        learning_rate=(FAST, SLOW),
        encoder_learning_rate=(FAST, SLOW),
        search_steps=3,
        max_steps=50,
        evaluate_every=10,
    )
    aucs = {(FAST, FAST): 0.5, (FAST, SLOW): 0.7, (SLOW, FAST): 0.61234567, (SLOW, SLOW): 0.6}
    seen = []

    def selection_auc(trial, whole):
        schedule = trial.schedule
        assert (whole.schedule.max_steps, whole.schedule.evaluate_every) == (50, 10)
        assert whole.schedule.encoder_learning_rate == schedule.encoder_learning_rate
        assert whole.schedule.learning_rate == schedule.learning_rate
        seen.append((schedule.max_steps, schedule.evaluate_every))
        return aucs[schedule.learning_rate, schedule.encoder_learning_rate]

    chosen, tried = search(listed, selection_auc)
    assert [tuple(trial.values()) for trial in tried] == [
        (*pair, pytest.approx(auc, abs=1e-6)) for pair, auc in aucs.items()
    ]
    assert tried[0].keys() == {"learning_rate", "encoder_learning_rate", "selection_auc"}
    # A trial is short, and is evaluated once at least; the run itself is as long as it was.
    assert seen == [(3, 3)] * 4
    assert (chosen.schedule.learning_rate, chosen.schedule.encoder_learning_rate) == (FAST, SLOW)
    assert (chosen.schedule.max_steps, chosen.schedule.evaluate_every) == (50, 10)
    # The other schedules are as they were.
    assert chosen.training.frozen == listed.training.frozen


def test_among_equals_the_first_is_taken(params):
    listed = with_schedule(params, learning_rate=(FAST, SLOW))
    chosen, tried = search(listed, lambda trial, _: 0.6)
    assert len(tried) == 2 and chosen.schedule.learning_rate == FAST


def test_a_frozen_encoder_has_no_rate_of_its_own_to_search(params):
    listed = with_schedule(
        change(params, tuning="frozen"),
        learning_rate=(FAST, SLOW),
        encoder_learning_rate=(FAST, SLOW),
    )
    _, tried = search(listed, lambda trial, _: trial.schedule.learning_rate)
    assert [(t["learning_rate"], t["encoder_learning_rate"]) for t in tried] == [
        (FAST, FAST), (SLOW, FAST),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("search_steps", "max_steps", "steps"),
    [(None, 7, 7), (9, 7, 7), (5, None, 5), (None, None, None)],
)
def test_a_trial_is_no_longer_than_the_run(params, search_steps, max_steps, steps):
    listed = with_schedule(
        params,
        learning_rate=(FAST, SLOW),
        search_steps=search_steps,
        max_steps=max_steps,
        evaluate_every=2,
    )
    trials = []
    search(listed, lambda trial, _: trials.append(trial.schedule) or 0.5)
    assert [(t.max_steps, t.evaluate_every) for t in trials] == [(steps, 2)] * 2


def test_the_search_goes_by_its_own_schedule(params):
    """A list under `frozen` is no matter to an encoder whose layers are tuned."""
    training = replace(
        params.training, frozen=replace(params.training.frozen, learning_rate=(FAST, SLOW))
    )
    assert search(replace(params, training=training), lambda trial, _: 0.5)[1] == []


def test_at_a_depth_of_0_there_is_no_rate_of_the_encoder_to_search(params):
    listed = change(params, encoder="minilm", tuning="finetuned", finetune_layers=0)
    listed = with_schedule(listed, encoder_learning_rate=(FAST, SLOW))
    assert search(listed, lambda trial, _: 0.5)[1] == []
    table = change(listed, "clean", tune_embeddings=True)
    assert len(search(table, lambda trial, _: 0.5)[1]) == 2
    deeper = replace(listed, finetune_layers=1)
    assert len(search(deeper, lambda trial, _: 0.5)[1]) == 2
