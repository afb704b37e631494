"""The largest model against each other, per group of users, on planted differences."""

import numpy as np
import pytest
from planted import Planted, planted_params

from replication.paper.cells import read_grid
from replication.paper.contrasts import GROUPS, cold_start_contrasts
from replication.paper.evidence import Evidence

LLM = "my-llama-3-1-8b"


@pytest.fixture
def params(tmp_path, monkeypatch):
    return planted_params(
        tmp_path, monkeypatch, ["glove", "bert-base", "llama-3.1-8b"], ["nrms"], seeds=(1, 2, 3)
    )


def test_differences_per_group_and_their_trend_by_hand(params):
    planted = Planted(params, impressions=300)
    evidence = planted.evidence(lambda cell, clicks: 0.6)
    evidence._column = lambda cell, metric: (
        0.5
        + (cell.encoder == LLM) * 0.01 * (6 - planted.groups)
        - 0.1 * (cell.encoder == "my-glove")
    )
    families = cold_start_contrasts(evidence)
    assert [(f["recommender"], f["tuning"], f["protocol"], f["encoder"]) for f in families] == [
        ("nrms", "frozen", "clean", LLM), ("nrms", "finetuned", "clean", LLM),
    ]  # fmt: skip
    glove, bert = families[0]["contrasts"]
    assert (glove["minus"], bert["minus"]) == ("my-glove", "my-bert-base")
    assert [row["group"] for row in bert["groups"]] == list(GROUPS)
    fifths = [row["difference"] for row in bert["groups"][:5]]
    assert fifths == pytest.approx([0.05, 0.04, 0.03, 0.02, 0.01])
    assert [row["difference"] for row in glove["groups"][:5]] == pytest.approx(
        [0.15, 0.14, 0.13, 0.12, 0.11]
    )
    for contrast in (glove, bert):
        assert contrast["trend"]["slope"] == pytest.approx(-0.01)
        assert sum(row["impressions"] for row in contrast["groups"][:5]) == 300
        assert sum(row["impressions"] for row in contrast["groups"][5:]) == 300
        assert contrast["runs"] == [6, 6]


def test_only_what_is_planted_is_significant(params):
    def truth(cell, clicks):
        return 0.6 + 0.08 * (cell.encoder == LLM) * (clicks <= 5)

    family, _ = cold_start_contrasts(Planted(params, impressions=1200).evidence(truth))
    for contrast in family["contrasts"]:
        rows = {row["group"]: row for row in contrast["groups"]}
        for group in (1, "at_most_5"):
            low, high = rows[group]["ci95"]
            assert 0 < low < 0.08 < high and rows[group]["p_holm"] < 0.05
        for group in (4, 5, "more_than_5"):
            low, high = rows[group]["ci95"]
            assert low < 0 < high and rows[group]["p_holm"] > 0.05
        assert contrast["trend"]["ci95"][1] < 0 and contrast["trend"]["p_holm"] < 0.05


def test_one_family_of_all_groups_and_models(params):
    families = cold_start_contrasts(Planted(params).evidence(lambda cell, clicks: 0.6))
    rows = [row for contrast in families[0]["contrasts"] for row in contrast["groups"]]
    assert len(rows) == 14
    smallest = min(rows, key=lambda row: row["p"])
    assert smallest["p_holm"] == pytest.approx(min(1, 14 * smallest["p"]))
    trends = [contrast["trend"] for contrast in families[0]["contrasts"]]
    smallest = min(trends, key=lambda trend: trend["p"])
    assert smallest["p_holm"] == pytest.approx(min(1, 2 * smallest["p"]))


def test_an_empty_group_is_null_and_not_counted_in_the_family(params):
    planted = Planted(params)
    evidence = planted.evidence(lambda cell, clicks: 0.6)
    evidence.grouping = lambda protocol: (np.maximum(planted.groups, 2), planted.clicks)
    contrast = cold_start_contrasts(evidence)[0]["contrasts"][0]
    assert contrast["groups"][0] == {
        "group": 1, "difference": None, "ci95": None, "p": None, "impressions": 0, "p_holm": None,
    }  # fmt: skip
    assert contrast["trend"]["slope"] is not None and contrast["trend"]["p"] is not None


def test_without_the_largest_model_there_is_nothing_to_compare(params):
    planted = Planted(params, impressions=60)
    for cell in read_grid(params):
        if cell.encoder != LLM:
            planted.write_cell(cell, planted.run(0.6))
    assert cold_start_contrasts(Evidence(params, read_grid(params))) == []
    [first, *_] = [c for c in read_grid(params) if c.encoder == LLM and c.tuning == "frozen"]
    planted.write_cell(first, planted.run(0.6))
    [family] = cold_start_contrasts(Evidence(params, read_grid(params)))
    assert [contrast["runs"] for contrast in family["contrasts"]] == [[4, 6], [4, 6]]
