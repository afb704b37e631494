"""A small declared search: which of the listed learning rates a run trains with."""

import itertools
from collections.abc import Callable
from dataclasses import replace

from replication.study.numbers import candidates
from replication.study.params import Params


def search(
    params: Params, selection_auc: Callable[[Params, Params], float]
) -> tuple[Params, list[dict]]:
    """The experiment with one value for each learning rate, and what was tried to find it.

    Each combination of the listed rates trains for `search_steps` batches; the one with the best
    AUC on the selection split (never the test split, but under D1) is taken, the first among
    equals. Nothing is tried where there is no list. Where no pre-trained parameters train, in a
    frozen encoder or at a depth of 0, the first `encoder_learning_rate` is taken.

    selection_auc gets a trial and the run by the same rates. The batches of one are the first of
    the other: training goes on from the best trial, and comes to what it would from its start.
    """
    schedule = params.schedule
    encoder_rates = candidates(schedule.encoder_learning_rate)
    if not params.tunes:
        encoder_rates = encoder_rates[:1]
    pairs = list(itertools.product(candidates(schedule.learning_rate), encoder_rates))
    if len(pairs) == 1:
        return with_rates(params, *pairs[0]), []
    steps = min((n for n in (schedule.search_steps, schedule.max_steps) if n), default=None)
    tried = []
    for pair in pairs:
        trial = with_rates(params, *pair, steps)
        auc = round(selection_auc(trial, with_rates(params, *pair)), 6)
        tried.append(dict(zip(_KEYS, pair, strict=True)) | {"selection_auc": auc})
    best = max(tried, key=lambda trial: trial["selection_auc"])
    rate, encoder_rate = (best[key] for key in _KEYS)
    return with_rates(params, rate, encoder_rate), tried


_KEYS = ("learning_rate", "encoder_learning_rate")


def with_rates(
    params: Params, learning_rate: float, encoder_learning_rate: float, steps: int | None = None
) -> Params:
    """The experiment with these rates and, if given, at most so many batches."""
    schedule = replace(
        params.schedule,
        learning_rate=learning_rate,
        encoder_learning_rate=encoder_learning_rate,
    )
    if steps is not None:
        every = min(schedule.evaluate_every, steps)
        schedule = replace(schedule, max_steps=steps, evaluate_every=every)
    return params.with_schedule(schedule)
