"""Each kind of claim in each state, from hand-written results."""

from types import SimpleNamespace

import pytest

from replication.paper.words import WORDS, with_sign
from replication.report.independence import s1_table
from replication.report.tables import latex
from replication.report.texts import listed
from replication.report.verdicts import claims_table, claims_text, parts_table, verdict_counts

BASE = {
    "id": "C9", "statement": "A | B.", "source": "paper", "confidence": "medium", "value": None,
    "value_reason": "It is not transcribed.", "tolerance_reason": "A sign has none.",
}  # fmt: skip
EMPTY = {"reason": None, "found": None, "ci95": None, "parts": [], "missing": []}
EMPTY |= {"coverage": [2, 2]}


def study(claim: dict, **results: dict) -> SimpleNamespace:
    claim = BASE | claim | {"verdicts": {name: EMPTY | r for name, r in results.items()}}
    head = {"profile": "mind-small", "evidence": True}
    claims = head | {"claims": [claim]}
    return SimpleNamespace(claims=claims, protocols=tuple(results), note="A note.")


def on_demo(found: SimpleNamespace) -> SimpleNamespace:
    found.claims |= {"profile": "demo", "evidence": False}
    return found


def text_of(found: SimpleNamespace) -> str:
    return "\n".join(claims_text(found))


GAIN = {"kind": "gain", "value": 3.58, "tolerance": 1.0}


def test_a_gain_is_in_percent_with_its_sign_and_interval():
    found = study(
        GAIN,
        clean={
            "verdict": "confirmed", "found": 2.96, "ci95": [1.234, 4.567], "finetuned": 0.65,
            "frozen": 0.63, "delta_relative_improvement": 0.0062,
            "sign": "confirmed", "size": "undecided", "hangs_on_independence": True,
            "design_effect": {"user": 1.04, "article": 4.4},
            "naive": {"verdict": "confirmed", "sign": "confirmed", "size": "equivalent",
                      "ci95": [2.634, 3.2]},
            "seeds": {"least": 1, "spread": {"sd": 0.0024, "places": 2, "runs": 6}},
            "power": {"effect": 0.023, "now": 0.5, "seeds": 5, "impressions": None,
                      "seed_sd": 0.0024, "measured": True},
        },
    )  # fmt: skip
    [row] = claims_table(found).rows
    assert [str(field) for field in row[2:]] == [
        "+3.58 %", "+2.96 [+1.23, +4.57] %", "[+2.63, +3.20] %", "✓ agrees (size undecided)",
    ]  # fmt: skip
    text = text_of(found)
    assert "Sign: agrees. Size: undecided." in text
    assert "interval [+2.63, +3.20]; the verdict hangs on that (S1)." in text
    assert "standard deviation of 0.0024, measured on 6 runs of 2 places." in text
    assert "is found in 8 of 10 studies by 5 seeds on these impressions; with the" in text
    [s1] = s1_table(found.claims["claims"], ("clean",)).rows
    assert [str(field) for field in s1] == [
        "clean", "C9", "agrees", "agrees", "yes", "1.0", "4.4",
    ]  # fmt: skip
    assert (
        "Fine-tuned 0.6500, frozen 0.6300; delta relative improvement +0.62 percentage points."
        in text
    )
    assert "Tolerance: 1." in text


def test_protocols_stand_beside_each_other():
    found = study(
        GAIN,
        clean={"verdict": "not run", "coverage": [0, 2], "missing": ["dvc repro a", "dvc repro b"]},
        released={"verdict": "partial 1/2", "coverage": [1, 2], "missing": ["dvc repro c"]},
    )
    table = claims_table(found)
    assert table.header[3:] == [
        f"{what}, {protocol}"
        for protocol in ("clean", "released")
        for what in ("ours", "naive interval", "verdict")
    ]
    assert table.rows[0][3:] == [
        "no figure", "", "∅ not tested (not run)", "no figure", "", "◐ partial 1/2",
    ]  # fmt: skip
    text = text_of(found)
    assert (
        "*clean*: ∅ not tested (not run). Runs: 0 of 2. Run: `dvc repro a`, `dvc repro b`." in text
    )
    assert "*released*: ◐ partial 1/2. Runs: 1 of 2. Run: `dvc repro c`." in text
    assert verdict_counts(found) == [
        "Claims under clean: 1 not tested",
        "Claims under released: 1 partial",
    ]


def test_a_sign_counts_its_parts_and_shows_p():
    part = {"recommender": "nrms", "a": "x frozen", "b": "y frozen", "ci95": [-0.02, -0.01]}
    parts = [
        part | {"found": -0.015, "p_holm": 0.0004, "verdict": "confirmed"},
        part | {"found": None, "ci95": None, "p_holm": None, "verdict": "not testable"},
    ]
    found = study(
        {"kind": "sign", "sign": "negative"}, clean={"verdict": "undecided", "parts": parts}
    )
    assert claims_table(found).rows[0][2:4] == [
        "difference negative",
        "parts: 1 agrees, 1 not tested",
    ]
    rows = parts_table(found.claims["claims"][0], ("clean",), None).rows
    assert [str(x) for x in rows[0]] == [
        "nrms", "x frozen - y frozen", "-0.0150 [-0.0200, -0.0100]", "<0.001", "✓ agrees",
    ]  # fmt: skip
    assert [str(x) for x in rows[1]][2:] == ["undefined", "undefined", "∅ not tested"]
    assert "It is not transcribed." in text_of(found)


def test_best_depths_are_whole_layers():
    found = study(
        {"kind": "depth", "value": 10, "tolerance": 2, "sweep": [0, 2]},
        clean={"verdict": "worse", "found": 2, "ci95": [0, 2], "shares": [0.1, 0.9]},
    )
    assert [str(x) for x in claims_table(found).rows[0][2:4]] == [
        "about 10 layers",
        "2 [0, 2] layers",
    ]
    assert "best: 0: 10 %, 2: 90 %." in text_of(found)


def test_an_unknown_cost_is_not_a_number():
    part = {
        "recommender": "naml", "measure": "peak_memory", "found": None, "verdict": "not testable",
        "values": {"a": 5_683_610.0, "b": None, "c": 0.0123}, "reason": "too few",
    }  # fmt: skip
    found = study({"kind": "cost"}, clean={"verdict": "not testable", "parts": [part]})
    [row] = parts_table(found.claims["claims"][0], ("clean",), None).rows
    assert [str(x) for x in row] == [
        "naml", "peak memory", "a 5,683,610, b unknown, c 0.0123", "undefined",
        "∅ not tested: too few",
    ]  # fmt: skip


def test_a_tolerance_is_explained_once():
    found = study(GAIN, clean={"verdict": "not run"})
    first = found.claims["claims"][0]
    found.claims["claims"].append(first | {"id": "C10"})
    text = text_of(found)
    assert text.count(BASE["tolerance_reason"]) == 1
    assert "As for C9." in text


@pytest.mark.parametrize("word", WORDS)
def test_every_sign_is_known_to_latex(word):
    assert latex(["a"], [[with_sign(word)]], "").isascii()


def test_on_demo_data_no_claim_is_tested_and_what_was_found_has_no_sign():
    part = {"recommender": "nrms", "a": "x", "b": "y", "ci95": [1, 2], "p_holm": 0.001}
    part |= {"found": 1.5, "verdict": "confirmed"}
    claim = {"kind": "sign", "sign": "positive"}
    found = on_demo(study(claim, clean={"verdict": "confirmed", "sign": "confirmed",
                                        "parts": [part, part]}))  # fmt: skip
    [row] = claims_table(found).rows
    assert row[-2:] == ["∅ not tested on MIND", "demo: agrees"]
    table = parts_table(found.claims["claims"][0], ("clean",), "demo")
    assert table.header[-1] == "demo" and table.rows[0][-1] == "agrees"
    assert verdict_counts(found) == ["Claims under clean: 1 not tested on MIND (demo: 1 agrees)"]
    assert "✓" not in text_of(found)


def test_a_long_list_of_commands_is_cut():
    assert listed(["a", "b", "c"]) == "`a`, `b`, `c`"
    assert listed(["a", "b", "c", "d", "e"]) == "`a`, `b`, `c` and 2 more"


def test_the_study_s_own_claims_all_have_a_row(finished):
    rows = claims_table(finished).rows
    assert [row[0] for row in rows] == [claim["id"] for claim in finished.claims["claims"]]
    assert len(rows) == 11
