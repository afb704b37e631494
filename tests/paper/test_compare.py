"""Stage compare, from files to claims.json and comparison.json: it must say yes, and no."""

import shutil
import subprocess
import sys
from dataclasses import replace

import polars as pl
import pytest
from claimed import LLM, as_claimed, as_denied, costs, searched
from planted import ROOT, Planted, own, planted_params, with_sweep

from replication.files.atomic import write_json
from replication.files.errors import StudyError
from replication.mind.releases import load_pins
from replication.paper import compare as module
from replication.paper.cells import read_grid, read_json
from replication.paper.claims import load_claims
from replication.paper.compare import NOT_EVIDENCE, OTHER_DATA, UNVERIFIED, compare
from replication.paper.evidence import Evidence
from replication.paper.judges import judge
from replication.paper.values import PaperCell, Value
from replication.study import paths
from replication.study.settings import AuditPair

MODELS = ["glove", "bert-tiny", "bert-base", "llama-3.1-8b"]
ZIPS = {split: {"verified": True} for split in ("train", "dev")}


def study(folder, monkeypatch):
    """Its parameters; the folder becomes the working directory."""
    params = with_sweep(planted_params(folder, monkeypatch, MODELS))
    audit = replace(params.audit, pairs={"main": AuditPair("nrms", "my-bert-base", "my-bert-base")})
    return replace(params, audit=audit)


@pytest.fixture
def params(tmp_path, monkeypatch):
    return study(tmp_path, monkeypatch)


def write(params, truth, impressions=2500):
    planted = Planted(params, impressions)
    planted.write(truth, costs, searched)
    planted.write_audit("main", lambda base, flip, tuning: 0.6)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A study of few impressions in which the paper is right, and what `compare` made of it: folder
    and parameters."""
    folder = tmp_path_factory.mktemp("written")
    with pytest.MonkeyPatch.context() as patch:
        params = study(folder, patch)
        write(params, as_claimed, impressions=100)
        compare(params)
    return folder, params


@pytest.fixture
def small(written, tmp_path, monkeypatch):
    """The parameters of a copy of it, which is the working directory."""
    folder, params = written
    monkeypatch.chdir(shutil.copytree(folder, tmp_path / "small"))
    return params


def verdicts() -> dict[str, str]:
    return {
        claim["id"]: claim["verdicts"]["clean"]["verdict"]
        for claim in read_json(paths.CLAIMS)["claims"]
    }


def write_card(release="small", zips=ZIPS, **changes):
    """The figures that MIND-small is known by, of its own zips or of a folder."""
    figures = load_pins().releases.small.figures
    value = {
        part: {k: getattr(v, "value", v) for k, v in found.items()}
        for part, found in figures.items()
    }
    splits = {name: value.get("any", {}) | value.get(name, {}) for name in ("train", "test")}
    card = {"release": release, "splits": splits, **value.get("both", {})}
    card["sha256"] = {f"{s}/{t}.tsv": "0" for s in ("train", "dev") for t in ("news", "behaviors")}
    if zips:
        card["zips"] = zips
    write_json(paths.DATA_CARD, card | changes)


@pytest.fixture
def decisive(params):
    """Seeds enough to decide."""
    return replace(params, grid=replace(params.grid, seeds=(1, 2, 3, 4)))


def test_it_says_yes_where_the_paper_is_right(decisive):
    params = decisive
    write(params, as_claimed)
    write_card()
    compare(params)
    found = verdicts()
    assert found.pop("C4-size") == "contradicted"  # 20 % were planted, not 3.2
    assert found == dict.fromkeys(
        ("C1", "C2", "C3a", "C3b", "C3c", "C4", "C5", "C6", "C7", "C8"), "confirmed"
    )
    assert read_json(paths.CLAIMS)["evidence"] is True
    assert read_json(paths.CLAIMS)["note"] is None


def test_it_says_no_where_the_paper_is_wrong(decisive):
    params = decisive
    write(params, as_denied)
    compare(params)
    found = verdicts()
    assert found.pop("C8") == "confirmed"
    assert found.pop("C5") != "confirmed"
    assert found.pop("C4-size") != "confirmed"
    assert found.pop("C3b") == "confirmed"  # 6 is the middle, whichever end one counts from
    assert found == dict.fromkeys(("C1", "C2", "C3a", "C3c", "C4", "C6", "C7"), "contradicted")


def test_the_files_have_what_the_report_shows(small):
    claims, comparison = read_json(paths.CLAIMS), read_json(paths.COMPARISON)
    assert claims["models"] == {model: own(model) for model in MODELS}
    for claim in claims["claims"]:
        result = claim["verdicts"]["clean"]
        assert {"verdict", "reason", "found", "ci95", "parts", "coverage", "missing"} <= set(result)
        assert {"id", "statement", "source", "confidence", "tolerance_reason", "value"} <= set(
            claim
        )
    clicks = claims["claims"][5]["verdicts"]["clean"]["mean_clicks"]
    cold = read_json(read_grid(small)[0].folder / "cold_start.json")
    assert clicks == cold["groups"][0]["clicks_mean"]
    assert list(comparison) == [
        "profile", "evidence", "note", "tolerance", "tolerance_reason", "cells", "effects",
        "cold_start", "sweep", "audit", "cross_checks",
    ]  # fmt: skip
    # Three recommenders, four models, two tunings; a sweep of seven depths; one pair.
    assert len(comparison["effects"]) == 12
    assert len(comparison["cells"]) == 24 and len(comparison["cold_start"]) == 6
    assert [len(curve["curve"]) for curve in comparison["sweep"]] == [7, 7, 7]
    assert len(comparison["audit"]) == 1 and comparison["cross_checks"]


@pytest.mark.slow
def test_it_writes_the_same_bytes_again(small):
    first = paths.CLAIMS.read_bytes(), paths.COMPARISON.read_bytes()
    compare(small)
    assert (paths.CLAIMS.read_bytes(), paths.COMPARISON.read_bytes()) == first


@pytest.mark.parametrize(
    ("profile", "card", "note"),
    [
        ("mind-small", None, OTHER_DATA),
        ("mind-small", {}, None),
        ("local", {}, None),  # the release's zips, whatever the profile is called
        ("local", {"zips": False}, UNVERIFIED),
        ("mind-small", {"zips": ZIPS | {"dev": {"verified": False}}}, UNVERIFIED),
        ("mind-small", {"zips": False, "release": None}, UNVERIFIED),
        ("mind-demo", {"release": "demo", "users": 5000}, OTHER_DATA),
        ("mind-large", {"release": "large", "users": 876956}, OTHER_DATA),
        ("local", {"release": None, "zips": False, "users": 17}, OTHER_DATA),
        ("demo", {"release": None, "zips": False, "users": 17}, NOT_EVIDENCE),
    ],
)  # fmt: skip
def test_evidence_is_what_the_data_show_and_not_a_profiles_name(params, profile, card, note):
    """card: what differs from MIND-small's own; None: there is none."""
    if card is not None:
        write_card(**card)
    compare(replace(params, profile=profile))
    for path in (paths.CLAIMS, paths.COMPARISON):
        found = read_json(path)
        assert (found["evidence"], found["note"]) == (note is None, note)


def test_one_seed_decides_nothing_unless_others_show_what_seeds_do(params):
    one = replace(params, grid=replace(params.grid, seeds=(1,)))
    planted = Planted(one, 2500)
    planted.write(as_claimed)
    compare(one)
    by_id = {claim["id"]: claim["verdicts"]["clean"] for claim in read_json(paths.CLAIMS)["claims"]}
    assert by_id["C7"]["verdict"] == by_id["C7"]["sign"] == "undecided: one seed"
    assert by_id["C7"]["these_runs"] == by_id["C7"]["naive"]["verdict"] == "confirmed"
    assert by_id["C7"]["parts"][0]["verdict"] == "undecided: one seed"
    assert "not known" in by_id["C7"]["reason"] and by_id["C7"]["seeds"]["spread"] is None
    # The other cells with four seeds: their spread counts for those with one.
    four = replace(params, grid=replace(params.grid, seeds=(1, 2, 3, 4)))
    planted.write(as_claimed)
    for cell in read_grid(four):
        if cell.encoder != LLM and cell.seed > 1:
            planted.write_cell(cell, planted.run(as_claimed(cell, planted.clicks)))
    cells = [c for c in read_grid(four) if c.seed == 1 or c.encoder != LLM]
    claim = next(claim for claim in load_claims() if claim.id == "C7")
    found = judge(claim, Evidence(four, cells), "clean")
    assert found["verdict"] == "confirmed" and found["these_runs"] is None
    assert found["seeds"]["least"] == 1 and found["seeds"]["spread"]["runs"] == 72
    assert found["power"]["measured"] is True and found["power"]["seeds"] >= 2


def test_demo_verdicts_are_marked_as_no_evidence(small):
    compare(replace(small, profile="demo"))
    for path in (paths.CLAIMS, paths.COMPARISON):
        found = read_json(path)
        assert (found["evidence"], found["note"], found["profile"]) == (False, NOT_EVIDENCE, "demo")


def test_without_any_run_nothing_is_judged(params):
    compare(params)
    assert set(verdicts().values()) == {"not run"}
    comparison = read_json(paths.COMPARISON)
    assert comparison["cold_start"] == []
    assert comparison["audit"][0]["missing"] == "dvc repro audit@main"
    assert {
        entry["verdict"] for row in comparison["cells"] for entry in row["metrics"].values()
    } == {"not run"}


def test_some_runs_are_partial_with_the_commands_of_the_rest(small):
    gone = (
        "runs/nrms-my-bert-base-finetuned-clean-s2",
        "runs/naml-my-bert-base-finetuned-k8-clean-s1",
    )
    for name in gone:
        for file in (paths.REPORTS / name).iterdir():
            file.unlink()
    compare(small)
    found = verdicts()
    assert found["C1"] == "partial 3/4" and not found["C2"].startswith("partial")
    assert (found["C3a"], found["C3b"]) == ("partial 13/14", "partial 13/14")
    by_id = {claim["id"]: claim for claim in read_json(paths.CLAIMS)["claims"]}
    assert by_id["C1"]["verdicts"]["clean"]["missing"] == [
        "dvc repro grid@nrms-my-bert-base-finetuned-clean-s2"
    ]
    assert by_id["C3a"]["verdicts"]["clean"]["missing"] == [
        "dvc repro sweep@naml-my-bert-base-finetuned-k8-clean-s1"
    ]


@pytest.mark.slow
def test_every_protocol_has_its_own_verdict(params):
    params = replace(params, grid=replace(params.grid, protocols=("clean", "released")))
    planted = Planted(params, impressions=1500)
    planted.write(lambda c, clicks: (as_claimed if c.protocol == "clean" else as_denied)(c, clicks))
    compare(params)
    by_id = {claim["id"]: claim["verdicts"] for claim in read_json(paths.CLAIMS)["claims"]}
    assert {p: one["verdict"] for p, one in by_id["C7"].items()} == {
        "clean": "confirmed", "released": "contradicted",
    }  # fmt: skip
    # The sweep is of one protocol: under the other there is only the grid's own depth.
    assert by_id["C3a"]["released"]["verdict"] == "not testable"


@pytest.mark.slow
def test_imported_values_bring_verdicts(small, monkeypatch):
    ours = read_json(read_grid(small)[0].folder / "metrics.json")["auc"]
    cell = PaperCell("naml", "glove", "frozen", None, None, "auc")
    monkeypatch.setattr(module, "load_values", lambda: {cell: Value(ours + 0.5, "Table 2, p. 9")})
    compare(small)
    first = read_json(paths.COMPARISON)["cells"][0]["metrics"]
    assert first["auc"]["verdict"] == "worse" and first["auc"]["source"] == "Table 2, p. 9"
    assert first["mrr"]["verdict"] == "no paper value"


def test_a_damaged_run_is_named_and_nothing_is_written(small):
    for path in (paths.CLAIMS, paths.COMPARISON):
        path.unlink()
    cell = read_grid(small)[7]
    good = cell.per_impression.read_bytes()
    cell.per_impression.write_bytes(good[:100])
    with pytest.raises(StudyError, match=str(cell.per_impression)):
        compare(small)
    pl.read_parquet(read_grid(small)[6].per_impression).write_parquet(cell.per_impression)
    with pytest.raises(StudyError, match="of different runs"):
        compare(small)
    cell.per_impression.write_bytes(good)
    (cell.folder / "metrics.json").write_text("{", encoding="utf-8")
    with pytest.raises(StudyError, match=str(cell.folder / "metrics.json")):
        compare(small)
    assert not paths.CLAIMS.exists() and not paths.COMPARISON.exists()


def test_it_imports_no_torch():
    code = (
        "import sys, replication.paper.compare; "
        "print([m for m in ('torch', 'transformers', 'accelerate') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
