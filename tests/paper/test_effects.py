"""RI, delta RI and effect ratio of fine-tuning, by hand from the means of planted runs."""

from dataclasses import replace

import pytest
from planted import Planted, planted_params

from replication.paper.cells import read_grid
from replication.paper.claims import load_claims
from replication.paper.effects import tuning_effects
from replication.paper.evidence import Evidence
from replication.paper.values import PaperCell, Value


@pytest.fixture
def params(tmp_path, monkeypatch):
    return planted_params(tmp_path, monkeypatch, ["glove", "bert-base"], ["nrms", "naml"])


def better_when_tuned(cell, clicks):
    return 0.66 if cell.tuning == "finetuned" else 0.6


def effects(params, values=None):
    evidence = Evidence(params, read_grid(params))
    rows = tuning_effects(evidence, values or {}, load_claims())
    return {(row["recommender"], row["model"]): row for row in rows}


def test_effects_beside_the_claims_gains(params):
    Planted(params, impressions=200).write(better_when_tuned)
    found = effects(params)
    assert set(found) == {(r, m) for r in ("naml", "nrms") for m in ("glove", "bert-base")}
    row = found["nrms", "bert-base"]
    gain = (row["finetuned"] - row["frozen"]) / row["frozen"]
    assert row["relative_improvement"] == pytest.approx(gain)
    low, high = row["ci95"]
    assert low < gain < high and gain == pytest.approx(0.1, abs=0.06)
    assert row["paper"] == 0.0358
    assert row["delta_relative_improvement"] == pytest.approx(0.0358 - gain)
    assert row["effect_ratio"] is None  # the claim gives no absolute figure
    assert found["nrms", "glove"]["paper"] == pytest.approx(-0.0099)
    assert found["naml", "glove"]["paper"] is None
    assert found["naml", "glove"]["delta_relative_improvement"] is None


def test_imported_values_give_the_effect_ratio_and_go_before_the_claim(params):
    Planted(params, impressions=200).write(better_when_tuned)
    table = {"finetuned": 0.68, "frozen": 0.64}
    values = {
        PaperCell("nrms", "bert-base", tuning, None, None, "auc"): Value(value, "Table 2")
        for tuning, value in table.items()
    }
    row = effects(params, values)["nrms", "bert-base"]
    assert row["paper"] == pytest.approx(0.04 / 0.64)
    assert row["effect_ratio"] == pytest.approx((row["finetuned"] - row["frozen"]) / 0.04)
    values.popitem()  # one of two says nothing
    row = effects(params, values)["nrms", "bert-base"]
    assert row["effect_ratio"] is None and row["paper"] == 0.0358


def test_what_has_not_been_run_is_null(params):
    row = effects(params)["nrms", "bert-base"]
    assert row["runs"][0] == 0
    assert [row[k] for k in ("frozen", "finetuned", "relative_improvement", "ci95")] == [None] * 4
    assert row["delta_relative_improvement"] is None


def test_an_encoder_in_one_tuning_has_no_effect(params):
    grid = replace(params.grid, tunings=("frozen",))
    assert effects(replace(params, grid=grid)) == {}
