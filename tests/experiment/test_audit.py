"""The audit flips one deviation at a time, for what it can touch, and goes on where it was."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from tiny_study import with_schedule

from replication.experiment import audit as module
from replication.experiment import flips
from replication.experiment.audit import audit
from replication.experiment.flips import audit_cell, audit_runs, untouched
from replication.files.errors import StudyError
from replication.machine import environment
from replication.study import paths
from replication.study.params import load_params, load_protocol
from replication.study.protocol import DEVIATIONS
from replication.study.settings import AuditPair

PAIRS = {
    "words": AuditPair("lstur", "static", "static"),
    "bert": AuditPair("nrms", "minilm", "minilm"),
}


@pytest.fixture
def study(params):
    pairs = replace(
        params.audit, pairs=PAIRS, bases=("clean",), deviations=None, max_steps=2, seeds=(3, 4, 9)
    )
    return replace(params, audit=pairs)


@pytest.mark.parametrize("base", ["clean", "released"])
@pytest.mark.parametrize("deviation", DEVIATIONS)
def test_a_cell_differs_from_its_base_in_one_deviation(study, base, deviation):
    cell = audit_cell(study, "bert", base, deviation, "finetuned")
    plain = audit_cell(study, "bert", base, "none", "finetuned")
    other = load_protocol("released" if base == "clean" else "clean")
    # All runs are seeded: where the seed is what is flipped, another one is drawn.
    changed = {
        key
        for key in type(plain.protocol).__dataclass_fields__
        if getattr(cell.protocol, key) != getattr(plain.protocol, key)
    }
    expected = set() if deviation == "D11" else set(DEVIATIONS[deviation])
    assert changed == expected and all(
        getattr(cell.protocol, key) == getattr(other, key) for key in expected
    )
    assert cell.protocol.seeded and cell.seed == (4 if deviation == "D11" else 3)
    assert replace(cell, protocol=plain.protocol, seed=3) == plain


def test_a_cell_is_the_grids_but_for_its_length(study):
    cell = audit_cell(study, "bert", "clean", "none", "frozen")
    assert (cell.recommender, cell.encoder, cell.tuning) == ("nrms", "minilm", "frozen")
    assert (cell.schedule.max_steps, cell.schedule.evaluate_every) == (2, 2)
    long = replace(study, audit=replace(study.audit, max_steps=None))
    assert audit_cell(long, "bert", "clean", "none", "frozen").schedule == study.training.frozen


def test_tuning_begins_from_the_pairs_own_frozen_run():
    params = load_params()
    tuned, frozen = (audit_cell(params, "layers", "clean", "none", t) for t in flips.TUNINGS[::-1])
    assert tuned.schedule.start == "frozen" and tuned.training.frozen == frozen.schedule
    assert frozen.schedule.max_steps == params.audit.max_steps < params.training.frozen.max_steps


@pytest.mark.parametrize(
    ("pair", "tuning", "expected"),
    [
        ("bert", "frozen", {"D3", "D5", "D6", "D7", "D8", "D9", "D10", "D14", "D15", "D17"}),
        ("bert", "finetuned", {"D3", "D8", "D9", "D10", "D14", "D15"}),
        ("words", "finetuned", {"D5", "D6", "D8", "D10", "D13", "D17"}),
        ("words", "frozen", {"D5", "D6", "D7", "D8", "D10", "D13", "D17"}),
    ],
)
def test_what_cannot_change_a_score_is_not_run(study, pair, tuning, expected):
    for base in ("clean", "released"):
        cells = {d: audit_cell(study, pair, base, d, tuning) for d in DEVIATIONS}
        # Empty slots are masked under clean, and zeros of a tuned PLM under both.
        slots = {"D18"} if base == "clean" or (pair, tuning) == ("bert", "finetuned") else set()
        assert {d for d, cell in cells.items() if untouched(d, cell)} == expected | slots


@pytest.mark.parametrize("base", ["clean", "released"])
def test_a_pooler_begins_by_xavier_too(study, base):
    """Of all recommenders, under the released heads."""
    cell = replace(audit_cell(study, "bert", base, "D13", "finetuned"), recommender="naml")
    assert (untouched("D13", cell) is None) == (base == "released")


def test_letter_case_is_not_flipped_where_the_tokenizer_has_none(study, monkeypatch):
    cell = audit_cell(study, "bert", "clean", "D17", "finetuned")
    assert untouched("D17", cell) is None
    monkeypatch.setattr(flips, "lowers_letters", lambda checkpoint: checkpoint.name == "minilm")
    assert "lowers all letters" in untouched("D17", cell)


def test_the_deviations_that_are_listed_are_flipped_alone(study, runs):
    listed = replace(study, audit=replace(study.audit, deviations=("D4", "D16")))
    audit("bert", listed)
    found = json.loads((paths.AUDIT / "bert.json").read_bytes())["runs"].values()
    assert {run["deviation"] for run in found} == {"none", "D4", "D16"}


def test_the_demos_pairs_show_every_deviation_that_can_show_there():
    params = load_params()
    runs = {name: list(audit_runs(params, name)) for name in params.audit.pairs}
    assert {one.flip for one in runs["layers"]} == {"none", "D5", "D6", "D13"}  # its own list
    touched = {one.flip for of in runs.values() for one in of if not one.untouched} - {"none"}
    # Groups alone; no epoch ends; the tokenizer of MiniLM lowers all letters itself.
    assert touched == set(DEVIATIONS) - {"D10", "D16", "D17"}


def test_an_unknown_pair_is_refused(study):
    with pytest.raises(StudyError, match=r"audit: 'other' is not accepted; accepted: words, bert"):
        audit("other", study)


@pytest.fixture
def runs(study, monkeypatch, tmp_path):
    """The audit without training: every run's AUC follows its protocol; what was run is listed."""
    for name in ("AUDIT", "IMPRESSIONS", "AUDIT_CACHE"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
    done = []

    def auc_on_test(cell):
        done.append((cell.tuning, cell.protocol.negatives, cell.seed))
        auc = np.full(4, 0.5 + cell.protocol.negatives / 100 + cell.seed / 1000)
        auc[0] = np.nan
        return float(np.nanmean(auc)), auc, 1.5

    monkeypatch.setattr(module, "auc_on_test", auc_on_test)
    return done


def test_what_is_written(study, runs):
    audit("bert", study)
    found = json.loads((paths.AUDIT / "bert.json").read_bytes())
    table = pl.read_parquet(paths.IMPRESSIONS / "audit/bert.parquet")
    assert found["pair"] == "bert" and len(found["runs"]) == 2 * (3 + len(DEVIATIONS))
    flip = found["runs"]["clean~D12/finetuned"]
    assert {k: flip[k] for k in ("base", "deviation", "tuning", "untouched", "seconds")} == {
        "base": "clean", "deviation": "D12", "tuning": "finetuned", "untouched": None,
        "seconds": 1.5,
    }  # fmt: skip
    assert flip["auc"] == pytest.approx(0.5 + 0.02 + 0.003)
    again = [found["runs"][f"clean{seed}/frozen"] for seed in ("", "@4", "@9")]
    assert [(run["deviation"], run["seed"]) for run in again] == [("none", s) for s in (3, 4, 9)]
    assert [run["auc"] for run in again] == pytest.approx([0.543, 0.544, 0.549])
    assert flip["seed"] == 3
    idle = found["runs"]["clean~D10/frozen"]
    assert idle["untouched"] and idle["auc"] is None and idle["seconds"] is None
    assert set(table.columns) == {k for k, r in found["runs"].items() if r["untouched"] is None}
    assert table["clean~D12/frozen"].to_list() == [None, *[pytest.approx(0.523)] * 3]


def test_an_interrupted_audit_goes_on_where_it_was(study, runs, monkeypatch):
    whole = module.auc_on_test

    def breaks(cell):
        if len(runs) == 5:
            raise KeyboardInterrupt
        return whole(cell)

    monkeypatch.setattr(module, "auc_on_test", breaks)
    with pytest.raises(KeyboardInterrupt):
        audit("bert", study)
    assert not (paths.AUDIT / "bert.json").exists()
    monkeypatch.setattr(module, "auc_on_test", whole)
    audit("bert", study)
    columns = pl.read_parquet(paths.IMPRESSIONS / "audit/bert.parquet").columns
    alone = len(columns) - 2  # D11 is the second seed of the base, which is not run twice
    assert len(runs) == alone and len(set(columns)) == len(columns)
    audit("bert", study)
    assert len(runs) == alone


def test_another_seed_is_the_second_of_the_base(study, runs):
    audit("bert", study)
    found = json.loads((paths.AUDIT / "bert.json").read_bytes())["runs"]
    for tuning in ("frozen", "finetuned"):
        assert found[f"clean~D11/{tuning}"]["auc"] == found[f"clean@4/{tuning}"]["auc"]
    again = [one.key for one in audit_runs(study, "bert") if one.again]
    assert again == ["clean~D11/frozen", "clean~D11/finetuned"]
    single = replace(study, audit=replace(study.audit, seeds=(3,)))
    assert audit_cell(single, "bert", "clean", "D11", "frozen").seed == 4
    assert not any(one.again or "@" in one.key for one in audit_runs(single, "bert"))


def test_other_parameters_or_code_are_other_runs(study, runs, monkeypatch):
    audit("words", study)
    count = len(runs)
    audit("words", with_schedule(study, learning_rate=0.5))
    assert len(runs) == 2 * count
    monkeypatch.setattr(environment, "code_digest", lambda *_: "other code")
    audit("words", study)
    assert len(runs) == 3 * count


@pytest.mark.slow
def test_real_runs_differ_where_the_deviation_touches_them(study, monkeypatch, tmp_path):
    for name in ("AUDIT", "IMPRESSIONS", "AUDIT_CACHE"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
    audit("words", study)
    table = pl.read_parquet(paths.IMPRESSIONS / "audit/words.parquet")
    for deviation in ("D2", "D4", "D11", "D12"):
        for tuning in ("frozen", "finetuned"):
            changed = table[f"clean~{deviation}/{tuning}"] != table[f"clean/{tuning}"]
            assert changed.any(), (deviation, tuning)
