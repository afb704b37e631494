"""C5 and C8: an order planted, or broken, and costs that grow with it or do not."""

from dataclasses import replace

import numpy as np
import pytest
from planted import FOUR, Planted, flat, own, planted_params

from replication.paper.claims import load_claims
from replication.paper.judges import judge

CLAIMS = {claim.id: claim for claim in load_claims()}
RANK = {own(model): i for i, model in enumerate(FOUR)}


@pytest.fixture
def params(tmp_path, monkeypatch):
    return planted_params(tmp_path, monkeypatch)


def rising(cell, clicks):
    return 0.55 + 0.05 * RANK[cell.encoder]


def broken(cell, clicks):
    """GloVe above BERT-tiny."""
    return 0.55 + 0.05 * {0: 1, 1: 0, 2: 2, 3: 3}[RANK[cell.encoder]]


@pytest.mark.parametrize(
    ("truth", "verdict", "tau"), [(rising, "contradicted", 1), (broken, "confirmed", 2 / 3)]
)
def test_quality_by_size(params, truth, verdict, tau):
    found = judge(CLAIMS["C5"], Planted(params).evidence(truth), "clean")
    assert found["verdict"] == verdict and len(found["parts"]) == 6
    for part in found["parts"]:
        assert part["found"] == pytest.approx(tau)
        assert part["inversions"] == part["resolved_inversions"] == (tau < 1)
    order = ["my-llama-3-1-8b", "my-bert-base", "my-bert-tiny", "my-glove"]
    order[2:] = order[2:] if truth is rising else order[:1:-1]
    assert found["parts"][0]["order"] == order


def test_equal_models_settle_nothing(params):
    found = judge(CLAIMS["C5"], Planted(params).evidence(flat), "clean")
    assert found["verdict"] == "undecided"
    low, high = found["parts"][0]["ci95"]
    assert -1 <= low < high <= 1


def test_one_inversion_confirms_whatever_the_other_ladders_do(params):
    """The claim is that larger models do not win throughout: ladders in order are no objection."""

    def truth(cell, clicks):
        out_of_order = (cell.recommender, cell.tuning) == ("lstur", "frozen")
        return (broken if out_of_order else rising)(cell, clicks)

    found = judge(CLAIMS["C5"], Planted(params, 1600).evidence(truth), "clean")
    assert found["verdict"] == "confirmed"
    assert [part["verdict"] for part in found["parts"]].count("contradicted") == 5


@pytest.mark.slow
def test_no_inversion_is_found_where_there_is_none(params):
    """40 studies of four equal models, 240 ladders."""
    words = []
    for seed in range(40):
        evidence = Planted(params, impressions=150, seed=seed, seed_sd=0.01).evidence(flat)
        words += [part["verdict"] for part in judge(CLAIMS["C5"], evidence, "clean")["parts"]]
    assert words.count("confirmed") <= 0.05 * 240 and words.count("contradicted") == 0


def test_an_undefined_metric_is_not_testable(params):
    evidence = Planted(params, impressions=20).evidence(flat)
    evidence._column = lambda cell, metric: np.full(20, np.nan)
    found = judge(CLAIMS["C5"], evidence, "clean")
    assert (found["verdict"], found["reason"]) == ("not testable", "auc is undefined")


# ---------------------------------------------------------------- C8


# ---------------------------------------------------------------- sizes are those counted


def counted_as(evidence, **parameters):
    """The same evidence with the parameters of these encoders, by what follows `my-`."""
    for cells in evidence.cells.values():
        for i, cell in enumerate(cells):
            name = cell.encoder.removeprefix("my-").replace("-", "_")
            if name in parameters:
                cells[i] = replace(cell, cost={"parameters": parameters[name]})
    return evidence


def test_the_order_is_that_of_the_parameters_counted(params):
    """BERT-tiny's place is taken by a model larger than that in BERT-base's."""
    evidence = counted_as(Planted(params).evidence(rising), bert_tiny=10.0**7.5)
    found = judge(CLAIMS["C5"], evidence, "clean")
    assert found["verdict"] == "confirmed"  # BERT-base, now the smaller, beats it
    assert {part["resolved_inversions"] for part in found["parts"]} == {1}
    unknown = counted_as(Planted(params).evidence(rising), bert_base=None)
    found = judge(CLAIMS["C5"], unknown, "clean")
    assert found["verdict"] == "not testable"
    assert "no run has counted the parameters of my-bert-base" in found["reason"]


@pytest.mark.parametrize("claim", ["C4", "C4-size"])
def test_a_smaller_model_cannot_stand_for_a_larger_one(params, claim):
    evidence = counted_as(Planted(params).evidence(rising), llama_3_1_8b=50.0)
    found = judge(CLAIMS[claim], evidence, "clean")
    assert found["verdict"] == "not testable"
    assert "my-llama-3-1-8b, which stands for llama-3.1-8b, cannot stand for" in found["reason"]
