"""How samples are drawn and laid out; what D12 says of negatives is in test_protocol."""

import threading

import numpy as np
import pytest
import torch
from tiny_study import impressions_of, random_impressions

from replication.files.errors import StudyError
from replication.training.batches import Samples, ahead, batches, draw_each_epoch, draw_once


@pytest.fixture
def impressions():
    return random_impressions(60, articles=40, users=9, rng=np.random.default_rng(1))


def all_batches(samples, impressions, size=16, history=5, keep="newest", seed=0):
    return list(batches(samples, impressions, history, keep, size, np.random.default_rng(seed)))


def test_shapes_and_dtypes(impressions):
    samples = draw_each_epoch(impressions, 3, np.random.default_rng(0))
    assert samples.clicked.dtype == samples.negatives.dtype == np.int32
    found = all_batches(samples, impressions, size=16)
    sizes = [len(b.users) for b in found]
    assert sum(sizes) == len(samples) and set(sizes[:-1]) == {16} and 0 < sizes[-1] <= 16
    for batch in found:
        b = len(batch.users)
        assert batch.candidates.shape == batch.drawn.shape == (b, 4)
        assert batch.clicked.shape == (b, 5)
        for name in ("candidates", "clicked", "users"):
            assert getattr(batch, name).dtype == torch.int64
        assert batch.drawn.dtype == torch.bool
        assert torch.equal(batch.drawn, batch.candidates > 0) and batch.drawn[:, 0].all()


def test_each_sample_once_with_its_own_user_and_history(impressions):
    """Rebuilt naively from the samples; the order is random and another with another seed."""
    samples = draw_each_epoch(impressions, 3, np.random.default_rng(0))
    expected = []
    for clicked, where, negatives in zip(
        samples.clicked, samples.impression, samples.negatives, strict=True
    ):
        history = impressions.histories.row(impressions.history_row[where])[-5:].tolist()
        padded = (0,) * (5 - len(history)) + tuple(history)  # zeros at the left
        user = int(impressions.user[where])
        expected.append((int(clicked), *negatives.tolist(), *padded, user))

    def rows(seed: int) -> list[tuple]:
        return [
            (*c.tolist(), *h.tolist(), int(u))
            for b in all_batches(samples, impressions, seed=seed)
            for c, h, u in zip(b.candidates, b.clicked, b.users, strict=True)
        ]

    assert sorted(rows(0)) == sorted(expected)
    assert rows(0) != expected and rows(0) != rows(1) and rows(0) == rows(0)


def test_history_and_user_go_with_the_impression():
    """A user whose history differs between two impressions gets the right one each time."""
    impressions = impressions_of(
        [(1, [1, 2], [5, 6], [1, 0]), (2, [], [7, 8], [0, 1]), (1, [3], [9, 10], [1, 0])]
    )
    samples = draw_each_epoch(impressions, 1, np.random.default_rng(0))
    (batch,) = all_batches(samples, impressions, history=2)
    found = {
        tuple(c): (h, u)
        for c, h, u in zip(
            batch.candidates.tolist(), batch.clicked.tolist(), batch.users.tolist(), strict=True
        )
    }
    assert found == {(5, 6): ([1, 2], 1), (8, 7): ([0, 0], 2), (9, 10): ([0, 3], 1)}


@pytest.mark.parametrize("draw", [draw_each_epoch, draw_once])
def test_nothing_unclicked_is_an_error(draw):
    impressions = impressions_of([(1, [1], [2, 3], [1, 1]), (2, [], [4], [1])])
    with pytest.raises(StudyError, match="nothing to learn"):
        draw(impressions, 2, np.random.default_rng(0))


@pytest.mark.parametrize("draw", [draw_each_epoch, draw_once])
def test_drawing_depends_on_the_generator_alone(draw, impressions):
    a, b, c = (draw(impressions, 2, np.random.default_rng(s)) for s in (0, 0, 1))
    assert np.array_equal(a.negatives, b.negatives)
    assert not np.array_equal(a.negatives, c.negatives)


def test_no_samples_make_no_batches(impressions):
    none = np.zeros(0, dtype=np.int32)
    samples = Samples(none, none.astype(np.int64), np.zeros((0, 2), dtype=np.int32))
    assert len(samples) == 0 and all_batches(samples, impressions) == []


def test_a_batch_is_built_while_the_one_before_is_learned_from():
    second, asked = threading.Event(), []

    def build():
        for number in (1, 2, 3):
            asked.append(threading.current_thread())
            if number == 2:
                second.set()
            yield number

    stream = ahead(build())
    assert next(stream) == 1
    assert second.wait(timeout=10)  # without being asked for
    assert list(stream) == [2, 3]
    assert threading.current_thread() not in asked


def test_what_goes_wrong_in_building_is_raised_where_the_batch_is_wanted():
    def build():
        yield 1
        raise StudyError("no room")

    stream = ahead(build())
    assert next(stream) == 1
    with pytest.raises(StudyError, match="no room"):
        next(stream)


def test_a_stream_left_early_ends_its_thread():
    stream = ahead(iter(range(1, 100)))
    assert next(stream) == 1
    before = threading.active_count()
    stream.close()
    assert threading.active_count() == before - 1
