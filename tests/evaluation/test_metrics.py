"""The vectorised metrics against a plain re-implementation, scikit-learn and hand-made cases."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replication.evaluation.metrics import METRICS, impression_metrics, summarise
from replication.files.errors import StudyError


def flat(*impressions):
    """(scores, labels) pairs -> the CSR arrays that the metrics take."""
    scores = np.array([s for scores, _ in impressions for s in scores], dtype=np.float64)
    labels = np.array([y for _, labels in impressions for y in labels], dtype=np.int8)
    sizes = [len(scores) for scores, _ in impressions]
    return scores, labels, np.cumsum([0, *sizes], dtype=np.int64)


def one(scores, labels):
    """The metrics of a single impression as plain numbers."""
    return {name: v[0].item() for name, v in impression_metrics(*flat((scores, labels))).items()}


def plain(scores, labels):
    """MIND's definitions, one impression at a time, written as one would read them out."""
    ranked = [labels[c] for c in np.argsort(scores, kind="stable")[::-1]]
    clicks = sum(ranked)
    if clicks == 0:
        return dict.fromkeys(METRICS, math.nan)
    won = pairs = 0.0
    for s, y in zip(scores, labels, strict=True):
        for t, z in zip(scores, labels, strict=True):
            if y == 1 and z == 0:
                pairs += 1
                won += 1.0 if s > t else 0.5 if s == t else 0.0
    result = {"auc": won / pairs if pairs else math.nan}
    result["mrr"] = sum(y / (i + 1) for i, y in enumerate(ranked)) / clicks
    ideal = sorted(labels, reverse=True)
    for k in (5, 10):
        dcg, best = (
            sum((2**y - 1) / math.log2(i + 2) for i, y in enumerate(order[:k]))
            for order in (ranked, ideal)
        )
        result[f"ndcg@{k}"] = dcg / best
    return result


@pytest.fixture(scope="module")
def many():
    """10,000 impressions of 0 to 40 candidates; half of them on a coarse grid, hence with ties."""
    rng = np.random.default_rng(7)
    impressions = []
    for i in range(10_000):
        size = int(rng.integers(0, 41))
        scores = rng.integers(0, 8, size) / 4 if i % 2 else rng.normal(size=size)
        impressions.append((scores.tolist(), (rng.random(size) < 0.15).astype(int).tolist()))
    return impressions


def test_many_impressions_agree_with_the_plain_definitions(many):
    result = impression_metrics(*flat(*many))
    expected = [plain(*impression) for impression in many]
    for name in METRICS:
        assert result[name].dtype == np.float64
        np.testing.assert_allclose(result[name], [e[name] for e in expected], rtol=0, atol=1e-12)
    assert result["tied"].tolist() == [len(set(scores)) < len(scores) for scores, _ in many]
    assert 0.3 < result["tied"].mean() < 0.7


def test_auc_agrees_with_scikit_learn(many):
    from sklearn.metrics import roc_auc_score  # takes seconds, which collecting need not

    many = many[:2000]  # scikit-learn takes a millisecond for each
    auc = impression_metrics(*flat(*many))["auc"]
    compared = 0
    for i, (scores, labels) in enumerate(many):
        if 0 < sum(labels) < len(labels):
            compared += 1
            assert auc[i] == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
        else:
            assert math.isnan(auc[i])
    assert compared > 1600


def test_ndcg_agrees_with_scikit_learn_where_nothing_is_tied(many):
    from sklearn.metrics import ndcg_score

    result = impression_metrics(*flat(*many))
    for i, (scores, labels) in enumerate(many[:2000]):
        if sum(labels) and len(labels) > 1 and not result["tied"][i]:
            for k in (5, 10):
                expected = ndcg_score([labels], [scores], k=k)
                assert result[f"ndcg@{k}"][i] == pytest.approx(expected, abs=1e-12)


def test_by_hand():
    # Ranked: the clicks stand at 2 and 4; of 2 x 3 pairs, click 2 wins two and click 4 wins one.
    result = one([0.9, 0.8, 0.7, 0.6, 0.5], [0, 1, 0, 1, 0])
    assert result["auc"] == pytest.approx(3 / 6)
    assert result["mrr"] == pytest.approx((1 / 2 + 1 / 4) / 2)
    dcg, ideal = 1 / math.log2(3) + 1 / math.log2(5), 1 + 1 / math.log2(3)
    assert result["ndcg@5"] == result["ndcg@10"] == pytest.approx(dcg / ideal)
    assert result["tied"] is False


def test_a_cutoff_leaves_out_what_stands_below():
    scores, labels = list(range(12, 0, -1)), [0] * 12
    labels[6] = 1
    assert one(scores, labels)["ndcg@5"] == 0
    assert one(scores, labels)["ndcg@10"] == pytest.approx(1 / math.log2(8))
    assert one(scores, [0] * 10 + [1, 0])["ndcg@10"] == 0


@pytest.mark.parametrize("clicks", range(1, 20))
def test_a_perfect_ranking_scores_exactly_one(clicks):
    result = one(list(range(20, 0, -1)), [1] * clicks + [0] * (20 - clicks))
    assert result["auc"] == result["ndcg@5"] == result["ndcg@10"] == 1


def test_among_ties_the_later_candidate_comes_first():
    assert one([1, 1, 1], [0, 0, 1])["mrr"] == 1
    assert one([1, 1, 1], [1, 0, 0])["mrr"] == pytest.approx(1 / 3)


def test_all_tied_is_chance_for_auc():
    result = one([2.5] * 6, [0, 1, 0, 0, 1, 0])
    assert result["auc"] == 0.5
    assert result["mrr"] == pytest.approx((1 / 2 + 1 / 5) / 2)
    assert result["tied"] is True


def test_zero_and_negative_zero_tie():
    assert one([0.0, -0.0], [1, 0]) == one([-0.0, 0.0], [1, 0]) == one([0.0, 0.0], [1, 0])


def test_all_clicked_has_no_auc_but_the_rest():
    result = one([3, 2, 1], [1, 1, 1])
    assert math.isnan(result["auc"])
    assert result["mrr"] == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert result["ndcg@5"] == result["ndcg@10"] == 1


@pytest.mark.parametrize("scores, labels", [([3, 2, 1], [0, 0, 0]), ([1], [0]), ([], [])])
def test_without_a_click_nothing_is_defined(scores, labels):
    result = one(scores, labels)
    assert all(math.isnan(result[name]) for name in METRICS)
    assert result["tied"] is False


def test_one_clicked_candidate():
    result = one([0.1], [1])
    assert math.isnan(result["auc"])
    assert result["mrr"] == result["ndcg@5"] == result["ndcg@10"] == 1


def test_equal_scores_of_different_impressions_are_no_tie():
    result = impression_metrics(*flat(([1, 2], [1, 0]), ([2, 1], [1, 0]), ([], []), ([1], [1])))
    assert not result["tied"].any()
    np.testing.assert_array_equal(result["auc"], [0, 1, np.nan, np.nan])


def test_float32_scores_and_int32_offsets_serve():
    scores, labels, offsets = flat(([0.5, 0.25], [1, 0]), ([0.5, 0.25], [0, 1]))
    result = impression_metrics(scores.astype(np.float32), labels, offsets.astype(np.int32))
    assert result["auc"].tolist() == [1, 0]


def test_inputs_are_left_as_they_were(many):
    arrays = flat(*many[:50])
    copies = [a.copy() for a in arrays]
    impression_metrics(*arrays)
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_names_its_impression(bad):
    with pytest.raises(StudyError, match=r"index 1: score -?(nan|inf) of candidate 2; expected a"):
        impression_metrics(*flat(([1, 2], [1, 0]), ([1, bad, 3], [1, 0, 0])))


def test_a_label_that_is_no_click_label_names_its_impression():
    with pytest.raises(StudyError, match="index 0: label -1 of candidate 1; expected 0 or 1"):
        impression_metrics(*flat(([1, 2], [-1, 0])))


def test_shapes_that_disagree_are_refused():
    scores, labels, offsets = flat(([1, 2], [1, 0]))
    for arguments in ((scores[:1], labels, offsets), (scores, labels, offsets + 1)):
        with pytest.raises(ValueError, match="2 labels"):
            impression_metrics(*arguments)


def test_summary_is_the_plain_mean_over_defined_impressions():
    result = summarise(
        impression_metrics(*flat(([2, 1], [1, 0]), ([1, 1], [1, 1]), ([1, 2], [0, 0])))
    )
    assert result["auc"] == 1
    assert result["mrr"] == pytest.approx((1 + 0.75) / 2)
    assert result["impressions"] == 3
    assert result["undefined"] == {"auc": 2, "mrr": 1, "ndcg@5": 1, "ndcg@10": 1}
    assert result["tied_share"] == pytest.approx(1 / 3)


def test_summary_of_nothing_is_none_not_nan():
    unclicked = summarise(impression_metrics(*flat(([1, 2], [0, 0]))))
    assert [unclicked[name] for name in METRICS] == [None] * 4
    assert unclicked["tied_share"] == 0
    empty = summarise(impression_metrics(*flat()))
    assert [empty[name] for name in METRICS] == [None] * 4
    assert empty["impressions"] == 0 and empty["tied_share"] is None


# Small integers, so that ties happen and the transforms below are exact.
impressions = st.lists(
    st.tuples(st.integers(-20, 20), st.integers(0, 1)), min_size=1, max_size=30
).map(lambda pairs: tuple(map(list, zip(*pairs, strict=True))))


@given(impressions)
def test_any_impression_agrees_with_the_plain_definitions(impression):
    result = one(*impression)
    for name, expected in plain(*impression).items():
        assert result[name] == pytest.approx(expected, abs=1e-12, nan_ok=True)
        assert math.isnan(expected) or 0 <= result[name] <= 1


@given(impressions)
def test_negated_scores_mirror_auc(impression):
    scores, labels = impression
    mirrored = one([-s for s in scores], labels)["auc"]
    assert mirrored == pytest.approx(1 - one(scores, labels)["auc"], abs=1e-12, nan_ok=True)


@given(impressions)
def test_an_increasing_transform_changes_nothing(impression):
    scores, labels = impression
    np.testing.assert_equal(one([s**3 + 2.0 * s for s in scores], labels), one(scores, labels))


@given(impressions, st.randoms(use_true_random=False))
def test_without_ties_the_order_of_candidates_is_no_matter(impression, random):
    _, labels = impression
    candidates = list(zip(random.sample(range(1000), len(labels)), labels, strict=True))
    before = one(*zip(*candidates, strict=True))
    random.shuffle(candidates)
    np.testing.assert_equal(one(*zip(*candidates, strict=True)), before)


@given(st.lists(impressions, max_size=8))
def test_impressions_do_not_touch_each_other(several):
    together = impression_metrics(*flat(*several))
    for i, impression in enumerate(several):
        np.testing.assert_equal({n: v[i].item() for n, v in together.items()}, one(*impression))
