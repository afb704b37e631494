"""The audit's tables: all deviations, what does not apply, and the verdicts that change."""

from dataclasses import replace

from replication.report.deviations import WHAT, audit_table, pair_text
from replication.study.protocol import DEVIATIONS


def test_every_deviation_is_described():
    assert list(WHAT) == list(DEVIATIONS)


def test_every_pair_has_every_deviation_that_the_study_flips(finished):
    table = audit_table(finished)
    assert list(table.header) == [
        "pair", "deviation", "what the release does", "tuning", "from clean", "p (Holm), clean",
        "from released", "p (Holm), released", "does not apply, for",
    ]  # fmt: skip
    audit = finished.params.audit
    assert "D16" not in audit.flips("words")  # no epoch of the demo's ends
    assert audit.flips("words") == audit.deviations and audit.flips("layers") == ("D5", "D6", "D13")
    for pair in audit.pairs:
        rows = [row for row in table.rows if row[0] == pair]
        assert tuple(dict.fromkeys(row[1] for row in rows)) == audit.flips(pair)


def test_an_effect_is_the_comparison_s_and_an_impossible_one_has_its_reason(finished):
    rows = {(row[0], row[1], row[3]): row for row in audit_table(finished).rows}
    [pair] = [p for p in finished.comparison["audit"] if p["pair"] == "words"]
    [effect] = [
        e for e in pair["effects"]
        if (e["deviation"], e["base"], e["tuning"]) == ("D4", "released", "finetuned")
    ]  # fmt: skip
    row = rows["words", "D4", "finetuned"]
    assert [row[6].value, row[6].interval] == [effect["difference"], effect["ci95"]]
    assert row[7].value == effect["p_holm"]
    assert row[8] == ""
    prompt = [str(field) for field in rows["words", "D8", "both"]]
    assert prompt[4:] == ["does not apply"] * 4 + ["the encoder reads no prompt"]


def test_a_changed_verdict_is_told_with_what_it_was(finished):
    pair = {
        "pair": "words", "missing": None, "bases": {"clean/frozen": 0.61, "clean/finetuned": None},
        "claims": [
            {"claim": "C2", "base": "clean", "deviation": flip, "found": found, "ci95": [-2, 2],
             "verdict": word, "changes": word != "within"}
            for flip, found, word in (("none", -1.0, "within"), ("D4", 1.5, "near"))
        ],
    }  # fmt: skip
    text = "\n".join(pair_text(finished, pair))
    assert "clean, frozen: 0.6100; clean, fine-tuned: undefined" in text
    assert (
        "| C2    | clean    | D4   | agrees, -1.00 [-2.00, +2.00] % | undecided (near), +1.50"
        in text
    )
    assert "| changes the verdict |" in text
    unchanged = pair | {"claims": pair["claims"][:1]}
    assert "No flip would change what these runs say of C2." in pair_text(finished, unchanged)[0]
    assert "No claim compares" in pair_text(finished, pair | {"claims": []})[0]


def test_an_audit_that_was_not_run_has_no_rows(finished):
    pair = {"pair": "words", "missing": "dvc repro audit@words", "effects": [], "claims": []}
    study = replace(finished, comparison={"audit": [pair]})
    assert audit_table(study).rows == []
    assert pair_text(study, pair) == ["Not run. Run `dvc repro audit@words`."]
