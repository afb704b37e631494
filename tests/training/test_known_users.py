"""D1: whom LSTUR knows, where the last training day is held out."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_study import change, impressions_of, recommender, with_schedule

from replication.evaluation.scoring import score
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
