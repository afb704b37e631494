"""The audit: what stands out of chance, how a deviation is flipped, and what the page says."""

import json

import pytest
from ruamel.yaml import YAML
from streamlit.testing.v1 import AppTest
from trees import HOSTILE

from replication.browser.charts.shifts import LABELS, domain, shifts_chart
from replication.browser.content.audits import (
    answer,
    chance,
    claims_by_id,
    enumerated,
    flip_command,
    keys_table,
    shifts,
)
from replication.browser.reading.study import read_study
from replication.report.deviations import SHORT, effects_table
from replication.report.figures.theme import LIGHT
from replication.study.params import load_params, load_protocol
from replication.study.protocol import DEVIATIONS


def page():
    from replication.browser.frame import framed

    framed("audit")


def shown(**link):
    app = AppTest.from_function(page, default_timeout=30)
    for key, value in link.items():
        app.query_params[key] = value
    return app.run()


def words(app) -> str:
    kinds = ("markdown", "caption", "warning", "info", "error", "code")
    return "\n".join(e.value for kind in kinds for e in app.get(kind)).replace("\\", "")


def effect(deviation, difference, p, tuning="frozen", untouched=None):
    ends = None if difference is None else (difference - 0.01, difference + 0.01)
    return {
        "base": "clean", "deviation": deviation, "tuning": tuning, "encoder": "e",
        "untouched": untouched, "auc": None, "difference": difference, "ci95": ends,
        "p": p, "p_holm": p,
    }  # fmt: skip


def pair(*effects, claims=(), band=0.02):
    return {
        "pair": "one", "recommender": "nrms", "frozen": "e", "finetuned": "e", "missing": None,
        "bases": {}, "seeds": {"band": band}, "effects": list(effects), "claims": list(claims),
    }  # fmt: skip


def verdict_row(deviation, changes, base="clean"):
    return {
        "claim": "C2", "base": base, "deviation": deviation, "found": 0.1, "ci95": None,
        "verdict": "near", "changes": changes,
    }  # fmt: skip


AUDIT = pair(
    effect("D1", -0.03, 0.2),
    effect("D2", 0.019, 1e-9),
    effect("D3", -0.05, 1e-9),
    effect("D3", -0.04, 1e-9, "finetuned"),
    effect("D5", None, None, untouched="no transformer runs"),
    effect("D11", 0.015, 0.001),
    effect("D11", -0.02, 0.001, "finetuned"),
)


def test_only_what_is_significant_and_larger_than_another_seed_stands_out():
    assert chance(AUDIT) == 0.02
    found = {(s.deviation, s.tuning): s.stands_out for s in shifts(AUDIT, "clean")}
    assert found == {
        ("D1", "frozen"): False, ("D2", "frozen"): False, ("D3", "frozen"): True,
        ("D3", "finetuned"): True, ("D5", "frozen"): None, ("D11", "frozen"): False,
        ("D11", "finetuned"): False,
    }  # fmt: skip
    assert shifts(AUDIT, "released") == []


def test_the_answer_is_made_of_the_numbers():
    text = answer([AUDIT], "clean")
    start = "Of 5 deviations, 1 is shown to move AUC, starting from clean: "
    assert text.startswith(
        start + f"D3, {SHORT['D3']} (-0.050 for NRMS with e). D5 does not apply to"
    )
    assert text.endswith("No claim is about these pairs.")
    quiet = pair(effect("D1", 0.001, 0.9), effect("D11", 0.002, 0.9))
    assert answer([quiet], "clean").startswith("Of 2 deviations, none is shown to move AUC")
    alone = pair(effect("D1", 0.5, 1e-9), band=None)  # no run with another seed
    assert "cannot be told" in answer([alone], "clean")


def test_the_answer_tells_the_verdicts_that_change():
    def told(*rows):
        return answer([pair(*AUDIT["effects"], claims=rows)], "clean")

    assert told(verdict_row("none", False), verdict_row("D1", False)).endswith(
        "No flip changes the verdict on a claim."
    )
    text = told(*(verdict_row(flip, True) for flip in ("D1", "D4", "D11")))
    assert "D1, D4 and D11 on C2 (NRMS with e); D11 is another seed alone." in text
    assert "No claim" in told(verdict_row("D1", True, base="released"))


@pytest.mark.parametrize(
    ("parts", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_an_enumeration(parts, text):
    assert enumerated(parts) == text


def test_a_missing_effect_is_not_run_and_never_zero():
    lone = pair(effect("D1", -0.03, 0.2))
    rows = {(row[1], row[3]): row for row in effects_table([lone], ["clean", "other"]).rows}
    assert str(rows["D1", "frozen"][4]) == "-0.0300 [-0.0400, -0.0200]"
    assert [str(cell) for cell in rows["D1", "frozen"][6:8]] == ["not run", "not run"]
    assert str(rows["D2", "finetuned"][4]) == "not run"


def test_the_chart_has_every_flip_and_the_band_of_chance():
    found = shifts(AUDIT, "clean")
    ends = domain(found, 0.02)
    assert ends[0] < -0.06
    assert ends[1] > 0.029
    chart = shifts_chart(found, 0.02, ends, "AUC", LIGHT).to_dict()
    rows = [row for data in chart["datasets"].values() for row in data]
    assert {"low": -0.02, "high": 0.02} in rows
    drawn = {(r["deviation"], r["tuning"], r["difference"], r["out"]) for r in rows if "out" in r}
    assert (LABELS["D3"], "frozen", -0.05, True) in drawn
    assert (LABELS["D2"], "frozen", 0.019, False) in drawn
    [said] = [row for row in rows if "reason" in row]
    assert said == {
        "deviation": LABELS["D5"], "text": "does not apply",
        "reason": "no transformer runs",
    }  # fmt: skip
    domains = json.dumps(chart)
    flipped = {"D1", "D2", "D3", "D5", "D11"}  # a row each, and none for the others
    assert {name for name, label in LABELS.items() if label in domains} == flipped


def test_the_keys_of_a_deviation_are_those_of_the_two_protocols(inside):
    inside("full")
    rows = keys_table("D12", load_params()).rows
    assert rows == [
        ["protocol.negatives", "4", "2", "4"],
        ["protocol.negatives_drawn", "each_epoch", "once", "each_epoch"],
    ]
    assert keys_table("D4", None).rows == [["protocol.attention_masks", "true", "false", "unknown"]]


@pytest.mark.parametrize("deviation", DEVIATIONS)
def test_the_command_flips_exactly_that_deviation(inside, deviation):
    inside("full")
    line = flip_command(deviation, load_params()).content.split()
    assert line[:3] == ["dvc", "exp", "run"]
    set_ = dict(item.split("=") for item in line[4::2])
    released = load_protocol("released")
    yaml = YAML(typ="safe")
    assert {key: yaml.load(value) for key, value in set_.items()} == {
        f"protocol.{key}": getattr(released, key) for key in DEVIATIONS[deviation]
    }
    assert line[3::2] == ["-S"] * len(set_)


def test_what_is_flipped_already_is_flipped_back(own_tree):
    folder = own_tree("full")
    yaml = YAML()
    params = yaml.load(folder / "params.yaml")
    params["protocol"]["gru_reads"] = "first_slots"
    params["seed"] = 2
    yaml.dump(params, folder / "params.yaml")
    # params.yaml is made anew from conf/: what else was changed by hand must be said again.
    assert flip_command("D3", load_params()).content == "dvc exp run -S seed=2"
    line = flip_command("D4", load_params()).content
    assert set(line.split()[4::2]) == {
        "protocol.gru_reads=first_slots", "protocol.attention_masks=false", "seed=2",
    }  # fmt: skip


def test_a_damaged_protocol_is_told(own_tree):
    folder = own_tree("full")
    params = load_params()
    (folder / "conf/protocol/released.yaml").write_text("name: [", encoding="utf-8")
    assert "released.yaml, line 1: not valid YAML" in flip_command("D3", params).problem
    assert keys_table("D3", params).rows == [["protocol.gru_reads", "clicks", "unknown", "clicks"]]
    app = shown(d="D3")
    assert not app.exception
    assert "released.yaml, line 1: not valid YAML" in words(app)


def test_claims_are_known_without_their_file(inside):
    inside("damaged_comparison")
    assert claims_by_id(read_study().claims)["C7"]["kind"] == "sign"


@pytest.mark.parametrize("base", ["clean", "released"])
def test_the_page_shows_the_numbers_of_the_comparison(inside, base):
    folder = inside("full")
    found = json.loads((folder / "reports/comparison.json").read_text(encoding="utf-8"))["audit"]
    app = shown(base=base, d="D3")
    assert not app.exception
    text = words(app)
    d3 = [
        e for p in found for e in p["effects"]
        if (e["base"], e["deviation"]) == (base, "D3") and e["difference"] is not None
    ]  # fmt: skip
    largest = max((e["difference"] for e in d3), key=abs)
    stands_out = any(s.stands_out for p in found for s in shifts(p, base) if s.deviation == "D3")
    assert (f"D3, {SHORT['D3']} ({largest:+.3f} for LSTUR with" in text) == stands_out
    assert f"starting from {base}" in text
    assert "dvc exp run -S protocol.gru_reads=first_slots" in text
    assert "dvc repro audit@words\ndvc repro audit@llm" in text
    tables = "\n".join(table.value.to_string() for table in app.table).replace("\\", "")
    for e in d3:
        assert f"{e['difference']:+.4f}" in tables
    assert "only LSTUR has a GRU and user vectors by ID" in tables


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("empty", ["not run: nothing has been compared yet", "dvc repro compare report"]),
        ("one_run", ["not run: nothing has been compared yet"]),
        ("stale", ["stale", "dvc repro compare report", "starting from clean"]),
        ("damaged_comparison", ["unreadable: reports/comparison.json: not valid JSON"]),
        ("bad_params", ["starting from clean"]),
        ("bad_lock", ["starting from clean"]),
    ],
)
def test_the_page_says_what_keeps_the_numbers_back(inside, state, said):
    inside(state)
    app = shown(d="D2")
    assert not app.exception
    assert all(part in words(app) for part in said)
    assert "Of 12" not in words(app) or "starting from" in words(app)


def test_a_pair_that_was_not_run_has_its_command_and_strange_names_are_text(own_tree):
    folder = own_tree("full")
    path = folder / "reports/comparison.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["audit"][0] |= {
        "missing": "dvc repro audit@words", "bases": {}, "effects": [], "claims": [],
    }  # fmt: skip
    content["audit"][1] |= {"pair": HOSTILE, "frozen": HOSTILE}
    path.write_text(json.dumps(content), encoding="utf-8")
    app = shown(d="D4")
    assert not app.exception
    text = words(app)
    assert "not run: LSTUR with static vectors" in text
    assert "dvc repro audit@words" in text
    raw = "\n".join(e.value for kind in ("markdown", "caption") for e in app.get(kind))
    assert "![i]" not in raw
    assert "<img" not in raw.replace("\\<", "")


def test_a_link_to_what_is_not_there_is_told(inside):
    inside("full")
    assert "link asks for deviation D99" in words(shown(d="D99"))
    assert "link asks for starting from other" in words(shown(base="other"))
