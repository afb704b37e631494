"""How far seeds move an AUC and a claim's figure, by hand."""

import numpy as np
import pytest
from scipy import stats

from replication.paper.base_seeds import band, repeated_runs, spread


def run(deviation="none", tuning="frozen"):
    return {"base": "clean", "deviation": deviation, "tuning": tuning}


AUC = {
    "clean/frozen": 0.60,
    "clean@2/frozen": 0.62,
    "clean@3/frozen": 0.61,
    "clean~D11/frozen": 0.62,
}
RUNS = {key: run("D11" if "D11" in key else "none") for key in AUC}
COLUMNS = {key: np.array([value - 0.1, value + 0.1, np.nan]) for key, value in AUC.items()}


def test_the_spread_is_that_of_a_base_s_runs():
    """Squares .0001, .0001 and 0 about .61, over two degrees of freedom."""
    [several] = repeated_runs(RUNS, COLUMNS)
    assert several.shape == (3, 3)  # D11 is the base's second seed, and counts once
    found = spread(RUNS, [several])
    assert (found["runs_of_a_base"], found["runs"], found["freedom"]) == (3, 3, 2)
    assert found["sd"] == pytest.approx(0.01)
    assert found["band"] == pytest.approx(4.302653 * 0.01 * 2**0.5, rel=1e-6)


def test_with_one_seed_d11_is_another():
    keys = ("clean/frozen", "clean~D11/frozen")
    runs = {key: RUNS[key] for key in keys}
    [several] = repeated_runs(runs, COLUMNS)
    found = spread(runs, [several])
    assert found["runs_of_a_base"] == 1 and found["sd"] == pytest.approx(0.02 / 2**0.5)
    alone = {"clean/frozen": RUNS["clean/frozen"]}
    assert (
        spread(alone, repeated_runs(alone, {"clean/frozen": COLUMNS["clean/frozen"]}))["band"]
        is None
    )


def test_a_band_holds_95_of_100_more_runs():
    """Counted: 4,000 studies of three runs of two tunings, and one more of each."""
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(4000):
        tuned, frozen = rng.normal(0, 0.01, (2, 4))
        squares = sum(runs[:3].var() * 3 for runs in (tuned, frozen))
        seeds = {"sd": float(np.sqrt(squares / 4)), "freedom": 4}
        low, high = band(float(tuned[:3].mean() - frozen[:3].mean()), (1.0, -1.0), seeds, 3)
        inside += low <= tuned[3] - frozen[3] <= high
    assert stats.binomtest(inside, 4000, 0.95).pvalue > 0.001
    assert band(None, (1.0, -1.0), {"sd": 0.01, "freedom": 4}, 3) is None
    assert band(0.1, (1.0, -1.0), {"sd": None, "freedom": 0}, 3) is None
