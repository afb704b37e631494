"""Clicks that an adapter learns from: which are drawn, and what there is to learn from them."""

from dataclasses import replace

import numpy as np
import pytest
import small
from tiny_study import impressions_of

from replication.encoders.lora.clicks import Clicks
from replication.files.errors import StudyError
from replication.mind.columns.prepared import load_prepared, split_last_day
from replication.study import paths


@pytest.mark.slow
def test_clicks_that_are_drawn(adapted):
    learn, held_out = split_last_day(load_prepared(paths.PREPARED).train)
    clicks = Clicks.of(learn)
    assert len(clicks.article) == 24  # a day's all-clicked impression is out, one has two clicks
    adapter = replace(small.ADAPTER, negatives=4)  # all that an impression has
    offered = set()  # (click, other candidates, its user's newest clicks)
    for i in range(len(learn)):
        shown, history = learn.candidates.row(i), learn.histories.row(learn.history_row[i])
        label = learn.labels[learn.candidates.positions(np.array([i]))]
        others = frozenset(shown[label == 0].tolist())
        offered |= {(a, others, tuple(history[-3:])) for a in shown[label == 1].tolist() if others}
    epoch = [clicks.draw(adapter, step) for step in range(3)]
    drawn = set()
    for histories, candidates in epoch:
        for history, (first, *rest) in zip(histories, candidates.tolist(), strict=True):
            real = [a for a in rest if a]
            assert len(real) == len(set(real)) and rest == real + [0] * (4 - len(real))
            drawn.add((first, frozenset(real), tuple(history)))
    assert drawn == offered and len(offered) == 24  # each click once
    assert any(len(history) == 0 for histories, _ in epoch for history in histories)
    few = clicks.draw(replace(adapter, negatives=2), 0)[1].tolist()
    for (first, *rest), (same, *others) in zip(few, epoch[0][1].tolist(), strict=True):
        real = {a for a in rest if a}
        assert first == same and real <= {*others} and len(real) == min(2, np.count_nonzero(others))
    np.testing.assert_array_equal(clicks.draw(adapter, 1)[1], epoch[1][1])
    assert not np.array_equal(clicks.draw(adapter, 3)[1], epoch[0][1])  # the next epoch
    assert not np.array_equal(clicks.draw(replace(adapter, seed=2), 0)[1], epoch[0][1])
    last_day = set(held_out.candidates.values.tolist())
    assert not any(last_day & set(candidates.flatten().tolist()) for _, candidates in epoch)


def test_an_article_that_stands_twice_is_never_asked_against_itself():
    impressions = impressions_of(
        [
            (1, [], [5, 5], [1, 0]),  # nothing but itself
            (2, [], [5, 6, 5, 7, 6], [0, 0, 1, 0, 0]),
        ]
    )
    clicks = Clicks.of(impressions)
    assert clicks.article.tolist() == [5] and clicks.impression.tolist() == [1]
    adapter = replace(small.ADAPTER, negatives=4, batch_size=1)
    for step in range(10):
        _, ((click, *drawn),) = clicks.draw(adapter, step)
        assert click == 5 and sorted(drawn) == [0, 0, 6, 7]


def test_without_an_unclicked_candidate_there_is_nothing_to_learn(adapted):
    learn, _ = split_last_day(load_prepared(paths.PREPARED).train)
    with pytest.raises(StudyError, match="nothing to learn"):
        Clicks.of(replace(learn, labels=np.ones_like(learn.labels)))
