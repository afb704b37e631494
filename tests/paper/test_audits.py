"""Effects of deviations and changed verdicts, on audits in which they are planted."""

import copy
from dataclasses import replace

import polars as pl
import pytest
from planted import Planted, planted_params

from replication.files.atomic import write_json
from replication.files.errors import StudyError
from replication.paper.audits import audit_effects
from replication.paper.cells import read_json
from replication.paper.claims import load_claims
from replication.study import paths
from replication.study.protocol import DEVIATIONS
from replication.study.settings import AuditPair

LLM = "my-llama-3-1-8b"
PAIRS = {
    "main": AuditPair("nrms", "my-bert-base", "my-bert-base"),
    "words": AuditPair("nrms", "my-glove", "my-glove"),
    "llm": AuditPair("naml", LLM, "my-lora"),
}


@pytest.fixture
def params(tmp_path, monkeypatch):
    return with_pairs(planted_params(tmp_path, monkeypatch), "main")


def with_pairs(params, *names):
    pairs = {name: PAIRS[name] for name in names}
    return replace(params, audit=replace(params.audit, pairs=pairs))


def gain(percent, of=()):
    """Fine-tuning gains 3.6 %, and `percent` under the listed flips of clean."""

    def truth(base, flip, tuning):
        gained = percent if (base, flip) in [("clean", name) for name in of] else 3.6
        return 0.6 * (1 + gained / 100 * (tuning == "finetuned"))

    return truth


def rows_of(entry, deviation, base="clean"):
    return {
        effect["tuning"]: effect
        for effect in entry["effects"]
        if (effect["deviation"], effect["base"]) == (deviation, base)
    }


def test_the_planted_deviation_has_an_effect_and_no_other(params):
    Planted(params, impressions=3000).write_audit("main", gain(-4.0, ["D4"]))
    [entry] = audit_effects(params, load_claims())
    assert entry["missing"] is None
    assert set(entry["bases"]) == {
        f"{base}/{tuning}" for base in ("clean", "released") for tuning in ("frozen", "finetuned")
    }
    tuned = rows_of(entry, "D4")["finetuned"]
    assert tuned["difference"] == pytest.approx(0.6 * -0.076, abs=0.006)
    assert tuned["ci95"][1] < 0 and tuned["p_holm"] < 0.001
    for effect in entry["effects"]:
        if effect is not tuned and effect["untouched"] is None:
            assert abs(effect["difference"]) < 0.012 and effect["p_holm"] > 0.01


def test_the_claim_about_the_pair_changes_where_its_effect_does(params):
    Planted(params, impressions=24000).write_audit("main", gain(-4.0, ["D4"]))
    [entry] = audit_effects(params, load_claims())
    assert {row["claim"] for row in entry["claims"]} == {"C1"}
    changed = [(r["base"], r["deviation"]) for r in entry["claims"] if r["would_change"]]
    assert changed == [("clean", "D4")]
    # Its figure is beyond what another seed does, and the bases have three.
    assert [(r["base"], r["deviation"]) for r in entry["claims"] if r["changes"]] == changed
    assert entry["seeds"]["runs_of_a_base"] == 3 and entry["seeds"]["runs"] == 12
    assert entry["seeds"]["freedom"] == 8 and entry["seeds"]["band"] < 0.02
    verdicts = {(r["base"], r["deviation"]): r["these_runs"] for r in entry["claims"]}
    assert verdicts["clean", "none"] == verdicts["released", "D4"] == "confirmed"
    assert verdicts["clean", "D4"] == "contradicted"
    # D10 moves no score: there is nothing to judge anew.
    assert ("clean", "D10") not in verdicts


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [(1,), (1, 2)])
def test_with_fewer_than_three_seeds_a_base_no_flip_changes_a_verdict(params, seeds):
    params = replace(params, audit=replace(params.audit, seeds=seeds))
    Planted(params, impressions=24000).write_audit("main", gain(-4.0, ["D4"]))
    [entry] = audit_effects(params, load_claims())
    found = {(r["verdict"], r["changes"]) for r in entry["claims"]}
    assert found == {("undecided: one seed", False)}
    assert any(row["would_change"] for row in entry["claims"])
    # With one seed a base, D11 is another run of it; with two it is the second of them.
    assert entry["seeds"]["runs_of_a_base"] == len(seeds) and entry["seeds"]["runs"] == 8


def test_what_another_seed_would_do_is_no_change_of_a_verdict(params):
    """D4 contradicts C1 by 4 %, and seeds move an AUC by as much."""
    planted = Planted(params, impressions=2000, seed_sd=0.03)
    planted.write_audit("main", gain(-4.0, ["D4"]))
    [entry] = audit_effects(params, load_claims())
    [row] = [r for r in entry["claims"] if (r["base"], r["deviation"]) == ("clean", "D4")]
    assert row["band"][0] < -4.0 and not row["changes"]
    assert 0.015 < entry["seeds"]["sd"] < 0.06


def test_what_a_deviation_cannot_touch_is_null_with_the_reason(params):
    Planted(params, impressions=100).write_audit("main", gain(0))
    [entry] = audit_effects(params, [])
    # Every deviation from two bases, in two tunings.
    assert len(entry["effects"]) == 2 * 2 * len(DEVIATIONS) and entry["claims"] == []
    frozen = rows_of(entry, "D5")["frozen"]
    assert frozen["untouched"] == "no transformer runs in training"
    assert [frozen[key] for key in ("auc", "difference", "ci95", "p", "p_holm")] == [None] * 5
    tested = [effect for effect in entry["effects"] if effect["p"] is not None]
    smallest = min(tested, key=lambda effect: effect["p"])
    assert smallest["p_holm"] == pytest.approx(min(1, len(tested) * smallest["p"]))


def test_each_pair_has_the_claims_about_it(params):
    params = with_pairs(params, "main", "words", "llm")
    planted = Planted(params, impressions=100)
    for name in PAIRS:
        planted.write_audit(name, gain(0))
    entries = audit_effects(params, load_claims())
    assert [{row["claim"] for row in entry["claims"]} for entry in entries] == [
        {"C1"}, {"C2"}, {"C7"},
    ]  # fmt: skip


def test_a_sign_under_a_deviation(params):
    """C7: LoRA lowers NAML, but not under D8."""
    params = with_pairs(params, "llm")

    def truth(base, flip, tuning):
        return 0.6 + (0.04 if flip == "D8" else -0.04) * (tuning == "finetuned")

    Planted(params, impressions=2000).write_audit("llm", truth)
    [entry] = audit_effects(params, load_claims())
    words = {row["deviation"]: (row["these_runs"], row["would_change"]) for row in entry["claims"]}
    assert words["none"] == words["D4"] == ("confirmed", False)
    assert words["D8"] == ("contradicted", True)


def test_an_audit_that_was_not_run_is_told_with_its_command(params):
    [entry] = audit_effects(params, load_claims())
    assert entry["missing"] == "dvc repro audit@main"
    assert (entry["bases"], entry["effects"], entry["claims"]) == ({}, [], [])


def test_damaged_files_are_named(params):
    Planted(params, impressions=60).write_audit("main", gain(0))
    path, table = paths.AUDIT / "main.json", paths.IMPRESSIONS / "audit/main.parquet"
    good, frame = read_json(path), pl.read_parquet(table)

    def fails(told, at=path):
        with pytest.raises(StudyError, match=told) as error:
            audit_effects(params, load_claims())
        assert str(at) in str(error.value) and "\n" not in str(error.value)

    frame.drop("clean~D4/frozen").write_parquet(table)
    fails("clean~D4/frozen", table)
    table.unlink()
    fails("no such file; run `dvc repro audit@main`", table)
    for damage in (
        lambda runs: runs["clean/frozen"].pop("untouched"),
        lambda runs: runs.pop("clean/frozen"),
        lambda runs: runs.update({"clean/frozen": 3}),
    ):
        bad = copy.deepcopy(good)
        damage(bad["runs"])
        write_json(path, bad)
        fails("runs: not as an audit writes them")
    write_json(path, {"pair": "main"})
    fails("runs: not as an audit writes them")
    bad = copy.deepcopy(good)
    bad["runs"]["clean/frozen"]["auc"] = "high"
    write_json(path, bad)
    fails("auc: 'high' is not a finite number")
    path.write_text("{", encoding="utf-8")
    fails("not valid JSON")
