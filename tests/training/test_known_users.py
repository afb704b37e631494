"""D1: whom LSTUR knows, where the last training day is held out."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_study import change, impressions_of, recommender, with_schedule

from replication.evaluation.scoring import score
from replication.experiment.fitting import build_recommender
from replication.training.loop import train

PLACES = {
    1: [(1, [1], [1, 2], [1, 0]), (1, [1], [3, 4], [0, 0])],
    2: [(2, [1], [5], [1])],  # a click beside nothing: no sample
    3: [(3, [1], [6, 7], [0, 0])],  # no click
    4: [(4, [1], [8, 9], [0, 1]), (4, [1], [8, 8], [1, 0])],
    5: [],  # of the held-out day alone
}


@pytest.mark.parametrize(
    ("changes", "trained"),
    [
        ({}, [1, 4]),
        ({"negatives_drawn": "once", "negatives": 2}, []),
        ({"negatives_drawn": "once", "negatives": 1}, [1, 4]),
        # The release holds no day out, and numbers all users of the training split.
        ({"protocol": "released", "negatives": 1}, [1, 2, 3, 4, 5]),
    ],
)
def test_d1_users_without_a_sample_are_read_as_the_unknown_user(params, changes, trained):
    """In training, in selection and in the test: LSTUR's vector of them has learned nothing."""
    rows = [row for rows in PLACES.values() for row in rows]
    extra = [(6, [1], [10, 11, 12], [1, 0, 0])]  # always a sample
    params = change(params, history=3, **changes)
    params = with_schedule(params, batch_size=3, max_epochs=2, max_steps=None, evaluate_every=1)
    model = recommender("lstur", users=6, masked=params.protocol.attention_masks)
    if params.protocol.selection == "last_day":
        model.forget()  # as a recommender that is built under the protocol has
    torch.nn.init.normal_(model.user_embedding.weight[1:])
    everybody = impressions_of([(user, [1, 2], [3, 4], [1, 0]) for user in range(8)])
    found = []

    def read(model):
        """Which users' scores are not those of the unknown user 0, who read the same."""
        by_user = replace(params, protocol=replace(params.protocol, user_cache="user"))
        scores = score(model, everybody, by_user, "fp32").reshape(8, 2)
        found.append([u for u in range(8) if not np.array_equal(scores[u], scores[0])])
        return 0.5

    learn = impressions_of(rows + extra)
    train(model, "fp32", learn, params, read, np.random.default_rng(0), "a run")
    read(model)
    assert len(found) > 2 and all(users == [*trained, 6] for users in found)


@pytest.mark.parametrize("best", [1, 3])
def test_a_user_is_known_from_the_first_batch_on_that_holds_them(params, best):
    """Twelve users with one sample each, two a batch: four are known after two batches. On return
    it is those of the best step."""
    params = with_schedule(params, batch_size=2, max_epochs=1, max_steps=4, evaluate_every=1)
    params = change(params, history=3, negatives=1)
    model = recommender("lstur", users=12)
    model.forget()
    learn = impressions_of([(user, [1], [2, 3], [1, 0]) for user in range(1, 13)])
    before = model.user_embedding.weight.detach().clone()
    known = []

    def read(model):
        known.append({int(u) for u in model.known_users if u})
        return 0.9 if len(known) == best else 0.5

    train(model, "fp32", learn, params, read, np.random.default_rng(0), "a run")
    assert [len(users) for users in known] == [2, 4, 6, 8]
    moved = (model.user_embedding.weight.detach() != before).any(1).nonzero().flatten().tolist()
    # Some vectors are dropped out in the one batch that could move them.
    assert {int(u) for u in model.known_users if u} == known[best - 1] >= set(moved)


def test_nobody_is_known_to_a_recommender_that_is_built(params, data):
    lstur = change(params, recommender="lstur")
    assert not build_recommender(lstur, data).known_users.any()
    released = change(lstur, protocol="released")
    assert build_recommender(released, data).known_users[1:].all()
