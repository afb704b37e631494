"""D12: negatives are dealt out once, dropping clicks, or drawn anew each epoch, keeping them."""

import numpy as np
import pytest
from scipy.stats import chisquare
from tiny_study import change, impressions_of, random_impressions, recommender, with_schedule

from replication.training.batches import batches, draw_each_epoch, draw_once
from replication.training.loop import train


def by_impression(samples) -> dict[int, list[tuple[int, list[int]]]]:
    found: dict[int, list] = {}
    for click, row, negatives in zip(
        samples.clicked.tolist(),
        samples.impression.tolist(),
        samples.negatives.tolist(),
        strict=True,
    ):
        found.setdefault(row, []).append((click, negatives))
    return found


def parts(impressions, row: int) -> tuple[list[int], list[int]]:
    """The clicked and the other candidates of one impression."""
    offsets = impressions.candidates.offsets
    articles = impressions.candidates.row(row)
    labels = impressions.labels[offsets[row] : offsets[row + 1]]
    return articles[labels == 1].tolist(), articles[labels == 0].tolist()


def test_d12_drawn_once_deals_negatives_out_and_drops_clicks_left_over():
    impressions = impressions_of(
        [
            (1, [], [1, 2, 3, 4, 5, 6, 7], [1, 0, 1, 0, 0, 1, 0]),  # 3 clicks, 4 others: 2 served
            (2, [], [8, 9], [1, 0]),  # one other: the click is dropped
            (3, [], [10, 11, 12], [0, 0, 1]),
            (4, [], [13], [1]),  # none
        ]
    )
    orders = set()
    for seed in range(30):
        samples = draw_once(impressions, 2, np.random.default_rng(seed))
        assert samples.negatives.shape == (3, 2) and (samples.negatives > 0).all()
        found = by_impression(samples)
        assert sorted(found) == [0, 2]
        assert [click for click, _ in found[0]] == [1, 3]  # in the impression's order
        dealt = [n for _, negatives in found[0] for n in negatives]
        assert sorted(dealt) == [2, 4, 5, 7]  # no repeats within an impression
        ((click, negatives),) = found[2]
        assert click == 12 and sorted(negatives) == [10, 11]
        orders.add(tuple(dealt))
    assert len(orders) > 5  # shuffled


def test_d12_drawn_once_against_random_impressions():
    impressions = random_impressions(200, 40, 9, np.random.default_rng(0))
    found = by_impression(draw_once(impressions, 2, np.random.default_rng(1)))
    for row in range(len(impressions)):
        clicked, others = parts(impressions, row)
        served = clicked[: len(others) // 2]
        assert [click for click, _ in found.get(row, [])] == served
        dealt = [n for _, negatives in found.get(row, []) for n in negatives]
        assert len(set(dealt)) == len(dealt) and set(dealt) <= set(others)


@pytest.mark.parametrize("k", [1, 2, 4, 9])
def test_d12_drawn_each_epoch_keeps_every_click(k):
    impressions = random_impressions(200, 40, 9, np.random.default_rng(2))
    samples = draw_each_epoch(impressions, k, np.random.default_rng(3))
    found = by_impression(samples)
    for row in range(len(impressions)):
        clicked, others = parts(impressions, row)
        assert [click for click, _ in found[row]] == clicked
        for _, negatives in found[row]:
            drawn = [n for n in negatives if n]
            assert len(drawn) == min(k, len(others)) and negatives[len(drawn) :] == [0] * (
                k - len(drawn)
            )
            assert len(set(drawn)) == len(drawn) and set(drawn) <= set(others)


def test_d12_drawn_each_epoch_is_uniform():
    """Each ordered pair of the five others of a click as often: 20 pairs, a fixed seed."""
    impressions = impressions_of([(1, [], [9, 1, 2, 3, 4, 5], [1, 0, 0, 0, 0, 0])] * 8000)
    for seed in (0, 1, 2):
        samples = draw_each_epoch(impressions, 2, np.random.default_rng(seed))
        _, counts = np.unique(samples.negatives, axis=0, return_counts=True)
        assert len(counts) == 20 and chisquare(counts).pvalue > 0.01
        samples = draw_each_epoch(impressions, 4, np.random.default_rng(seed))
        for column in samples.negatives.T:
            assert chisquare(np.bincount(column)[1:]).pvalue > 0.01


@pytest.mark.parametrize("draw", [draw_each_epoch, draw_once])
def test_an_article_that_stands_twice_is_never_its_own_negative(draw):
    impressions = impressions_of(
        [
            (1, [], [5, 5], [1, 0]),  # nothing but itself: the click teaches nothing
            (2, [], [5, 6, 5, 7], [0, 0, 1, 0]),
            (3, [], [8, 9, 9, 4], [1, 0, 0, 0]),
        ]
    )
    for seed in range(30):
        found = by_impression(draw(impressions, 2, np.random.default_rng(seed)))
        ((click, drawn),) = found.pop(1)
        assert click == 5 and sorted(drawn) == [6, 7]
        ((click, drawn),) = found.pop(2)
        assert click == 8 and sorted(drawn) == [4, 9]
        assert not found


def test_d12_fewer_than_k_others_are_masked():
    impressions = impressions_of([(1, [], [1, 2, 3], [1, 0, 0]), (2, [], [4], [1])])
    samples = draw_each_epoch(impressions, 4, np.random.default_rng(0))
    (batch,) = batches(samples, impressions, 5, "newest", 8, np.random.default_rng(0))
    assert batch.drawn.tolist() == [[True, True, True, False, False]]  # article 4 has no other
    assert batch.candidates[0, 0] == 1 and sorted(batch.candidates[0, 1:3].tolist()) == [2, 3]


@pytest.mark.parametrize(("drawn", "again"), [("each_epoch", True), ("once", False)])
def test_d12_negatives_of_a_second_epoch(params, drawn, again):
    """What the model is shown in two epochs: the same samples, or others."""
    impressions = random_impressions(30, 20, 6, np.random.default_rng(4))
    params = with_schedule(params, batch_size=1000, max_epochs=2, max_steps=None, evaluate_every=9)
    params = change(params, negatives=2, negatives_drawn=drawn)
    model, shown = recommender("nrms"), []
    model.register_forward_pre_hook(lambda _, given: shown.append(given[0].candidates))
    train(model, "fp32", impressions, params, lambda _: 0.5, np.random.default_rng(0), "a run")
    first, second = (sorted(batch.tolist()) for batch in shown)
    assert (first != second) == again
    assert sorted(row[0] for row in first) == sorted(row[0] for row in second)
