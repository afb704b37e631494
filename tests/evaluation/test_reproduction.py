"""Measures of reproduction: against the package `repro_eval`, and their edge cases."""

import sys
from itertools import pairwise
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from replication.evaluation.reproduction import (
    delta_relative_improvement,
    effect_ratio,
    kendall_tau_union,
    relative_improvement,
    rmse,
)

NAN = np.nan


def topics(values: np.ndarray) -> dict[str, dict[str, float]]:
    """The package's form of a run's scores: topic -> measure -> value."""
    return {str(i): {"auc": float(v)} for i, v in enumerate(values)}


@pytest.mark.parametrize("seed", range(5))
def test_effects_are_those_of_repro_eval(seed):
    effects = pytest.importorskip("repro_eval.measure.overall_effects")
    rng = np.random.default_rng(seed)
    a, b = rng.random((2, 50))
    a_rerun, b_rerun = rng.random((2, 70))  # other topics: a replication
    runs = [topics(v) for v in (a, b, a_rerun, b_rerun)]
    original, rerun = relative_improvement(a, b), relative_improvement(a_rerun, b_rerun)
    assert original == pytest.approx(effects.rel_improve(*runs[:2])["auc"], abs=1e-12)
    difference = delta_relative_improvement(original, rerun)
    assert difference == pytest.approx(effects.DRI(*runs)["auc"], abs=1e-12)
    ratio = effect_ratio(a - b, a_rerun - b_rerun)
    assert ratio == pytest.approx(effects.ER(*runs)["auc"], rel=1e-9)


def test_rmse_is_that_of_repro_eval():
    effectiveness = pytest.importorskip("repro_eval.measure.effectiveness")
    a, b = np.random.default_rng(1).random((2, 50))
    assert rmse(a, b) == pytest.approx(effectiveness.RMSE(topics(a), topics(b))["auc"], abs=1e-12)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:An input array is constant")
def test_kendall_tau_union_is_that_of_repro_eval(monkeypatch):
    pytest.importorskip("repro_eval")
    # Its tables and its trec_eval, which the measure does not use.
    for name in ("pandas", "ir_measures"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    from repro_eval.measure.document_order import KTU

    rng = np.random.default_rng(2)
    sizes = rng.integers(2, 40, size=30)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    original, rerun = rng.random((2, offsets[-1]))
    theirs: list[dict] = [{}, {}]
    for i, (start, end) in enumerate(pairwise(offsets)):
        # Named by their original rank: the package's value depends on how the names sort.
        names = [f"d{rank:03.0f}" for rank in stats.rankdata(-original[start:end])]
        for run, scores in zip(theirs, (original, rerun), strict=True):
            best_first = sorted(zip(scores[start:end], names, strict=True), reverse=True)
            run[str(i)] = {name: float(score) for score, name in best_first}
    expected = KTU(*theirs, per_topic=True)
    found = kendall_tau_union(original, rerun, offsets)
    np.testing.assert_allclose(found, [expected[str(i)] for i in range(30)], atol=1e-12)
    assert found.std() > 0.1


def test_effects_by_hand():
    assert relative_improvement(0.66, 0.6) == pytest.approx(0.1)  # means do as well as values
    assert relative_improvement(np.array([0.5, NAN, 0.7]), np.array([0.5, 0.5, NAN])) == (
        pytest.approx(0.2)
    )
    assert delta_relative_improvement(0.0358, 0.02) == pytest.approx(0.0158)  # above 0: weaker
    assert effect_ratio(0.02, np.array([0.02, 0.0, NAN])) == pytest.approx(0.5)
    assert effect_ratio(0.02, -0.01) == pytest.approx(-0.5)


@pytest.mark.parametrize("missing", [None, NAN, np.array([]), np.array([NAN, NAN])])
def test_what_is_missing_has_no_measure(missing):
    some = np.array([0.5, 0.6])
    for measure in (relative_improvement, effect_ratio):
        assert measure(missing, some) is None and measure(some, missing) is None
    assert delta_relative_improvement(None, 0.1) is None
    assert delta_relative_improvement(0.1, None) is None
    assert rmse(some, np.full(2, NAN)) is None and rmse(np.array([]), np.array([])) is None


def test_a_baseline_of_zero_and_an_effect_of_zero_have_no_ratio():
    assert relative_improvement(0.5, 0.0) is None and relative_improvement(0.0, 0.5) == -1
    assert effect_ratio(np.array([0.1, -0.1]), 0.2) is None and effect_ratio(0.2, 0.0) == 0


def test_rmse_leaves_undefined_impressions_out():
    a, b = np.array([1.0, NAN, 4.0, 2.0]), np.array([4.0, 1.0, 0.0, NAN])
    assert rmse(a, b) == pytest.approx(np.sqrt((9 + 16) / 2))


@given(st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=6), min_size=1))
def test_kendall_tau_union_counts_pairs_ranked_alike(impressions):
    """Equal scores: the later candidate first, as in the metrics."""
    sizes = [len(pairs) for pairs in impressions]
    flat = np.array([p for pairs in impressions for p in pairs], dtype=float).reshape(-1, 2)
    found = kendall_tau_union(flat[:, 0], flat[:, 1], np.concatenate([[0], np.cumsum(sizes)]))
    for tau, pairs in zip(found, impressions, strict=True):
        if len(pairs) < 2:
            assert np.isnan(tau)
            continue
        orders = [sorted(range(len(pairs)), key=lambda i: (pairs[i][r], i)) for r in (0, 1)]
        places = [[order.index(i) for i in range(len(pairs))] for order in orders]
        assert tau == pytest.approx(stats.kendalltau(*places).statistic)
