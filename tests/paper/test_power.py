"""What would decide a claim: against the verdicts on studies with that effect, and by hand."""

from dataclasses import replace

import numpy as np
import pytest
from invented_claims import KINDS, Studies
from scipy import stats

from replication.evaluation.clusters import mean_variance
from replication.evaluation.statistics import slope
from replication.paper.claims import load_claims
from replication.paper.judges import judge
from replication.paper.power import EFFECT, power_of, untold


@pytest.fixture
def studies(tmp_path, monkeypatch):
    return lambda claim, seeds=3: Studies(claim, seeds, tmp_path, monkeypatch)


def of(made, truth="null", study=0):
    evidence = made.evidence(truth, study)
    places = evidence.sweep if made.kind.sweep else evidence.grid
    return power_of(made.claim, evidence, places), evidence


@pytest.mark.parametrize("claim", ["C3a", "C4", "C5", "C6"])
def test_it_is_told_what_would_decide(studies, claim):
    """The seeds and the impressions that are told do give the power that is wanted."""
    made = studies(claim)
    evidence = made.evidence("null", 0)
    found = judge(made.claim, evidence, "clean")
    power = found["power"]
    assert power["effect"] == EFFECT and found["power_reason"] is None
    assert 0 < power["now"] < 1 and power["measured"] is True
    assert power["impressions"] is None or power["impressions"] >= 400
    assert power["seeds"] is None or power["seeds"] >= 2


def test_the_power_of_a_depth_by_hand(studies):
    """10 layers against 0, 2, 4 and 6: the pair with the largest variance, one-sided at a sixth of
    .05, for each depth is compared with six others."""
    power, evidence = of(studies("C3a"))
    values = {place.layers: evidence.values(place, "auc") for place in evidence.sweep}
    found = []
    for far in (0, 2, 4, 6):
        gaps = values[10].mean(axis=0) - values[far].mean(axis=0)
        found.append(mean_variance(gaps, evidence.clusters()))
    variance, freedom = max(found)
    seed = evidence.spread("clean", "auc")["sd"] ** 2 / 3
    total = variance + 2 * seed
    welch = total**2 / (variance**2 / freedom + 2 * seed**2 / 2)
    border = stats.t.isf(0.05 / 6, welch)
    expected = stats.nct.sf(border, welch, EFFECT / np.sqrt(total))
    assert power["now"] == pytest.approx(expected)


def test_the_power_of_a_trend_is_that_of_its_test(studies):
    """The slope of one model's gain over another, whose spread is that over sixty studies."""
    made = studies("C4")
    inside = [made.group == group for group in range(1, 6)]
    slopes = []
    for study in range(60):
        evidence = made.evidence("null", study)
        a, b = (evidence.values(place, "auc").mean(axis=0) for place in evidence.grid[:2])
        slopes.append(float(slope(np.array([(a - b)[group].mean() for group in inside]))))
    claim = replace(made.claim, recommenders=("naml",), over=("glove",))
    evidence = made.evidence("null", 0)
    power = power_of(claim, evidence, list(evidence.grid[:2]) * 2)  # as if of both tunings
    # Four tests; an effect of .01 in group 1 and none in group 5 falls by .0025 a group.
    expected = stats.norm.sf(stats.norm.isf(0.05 / 8) - EFFECT / 4 / np.std(slopes))
    assert power["now"] == pytest.approx(expected, abs=0.25)


def test_why_it_cannot_be_told():
    reasons = {claim.id: untold(claim) for claim in load_claims()}
    assert {name for name, reason in reasons.items() if reason} == {"C4-size", "C8"}


def test_a_claim_without_a_test_says_why(studies):
    made = studies("C8")
    found = judge(made.claim, made.evidence("paper", 0), "clean")
    assert found["power"] is None and "without a test" in found["power_reason"]


def test_every_kind_of_claim_is_invented():
    covered = {"C3b": "C3a", "C3c": "C3a"}  # the same rule and sweep, another best depth
    assert {covered.get(claim.id, claim.id) for claim in load_claims()} == set(KINDS)
