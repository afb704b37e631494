"""How often a verdict on invented studies is false, and that true effects are found.

The quick test has few studies, in which only a rule that is badly wrong shows; that of
`make simulate` has the thousand of docs/claims.md.
"""

import math

import pytest
from invented_claims import KINDS, Studies

from replication.paper import judges

ALLOWED = 0.05


def most(studies: int) -> float:
    """False verdicts that a rate of ALLOWED leaves likely: up to three standard deviations."""
    return studies * ALLOWED + 3 * math.sqrt(studies * ALLOWED * (1 - ALLOWED))


@pytest.fixture
def studies(tmp_path, monkeypatch):
    monkeypatch.setattr(judges, "power_of", lambda *_: None)  # takes longer than all the rest
    return lambda claim, seeds: Studies(claim, seeds, tmp_path, monkeypatch)


@pytest.mark.parametrize("claim", ["C1", "C3a", "C7"])
@pytest.mark.parametrize("truth", ["null", "opposite"])
def test_few_verdicts_are_false(studies, claim, truth):
    assert studies(claim, 3).words(truth, 40)["false"] <= most(40)


def test_an_effect_as_the_papers_is_found(studies):
    assert studies("C1", 3).words("paper", 20)["confirmed"] >= 18


def test_one_seed_decides_nothing(studies):
    found = studies("C1", 1).words("paper", 5)
    assert found["undecided: one seed"] == 5


@pytest.mark.slow
@pytest.mark.simulation
@pytest.mark.parametrize("seeds", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("claim", list(KINDS))
def test_a_thousand_studies(studies, claim, seeds):
    made = studies(claim, seeds)
    for truth in made.kind.truths:
        assert made.words(truth, 1000)["false"] <= most(1000), truth
