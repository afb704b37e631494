"""The words that readers meet: one table, and what each answer of the judges becomes."""

import re
from pathlib import Path

import pytest

from replication.paper import verdict
from replication.paper.words import (
    WORDS,
    data_of,
    kind_of,
    of_question,
    told,
    told_answer,
    with_sign,
    word_counts,
    word_of,
    would_decide,
)

ROOT = Path(__file__).parents[2]
GAIN = {"kind": "gain", "value": 3.58}
LOSS = {"kind": "gain", "value": -0.99}
COLD = {"kind": "cold_gain", "value": 3.2}
SIGN = {"kind": "sign", "value": None}
DEPTH = {"kind": "depth", "value": 6}


def answer(given, sign=None, size=None, found=None, **more):
    return {"verdict": given, "sign": sign, "size": size, "found": found} | more


@pytest.mark.parametrize(
    ("claim", "result", "word"),
    [
        (GAIN, answer("confirmed", "confirmed", "equivalent", 3.4), "agrees"),
        (GAIN, answer("confirmed", "confirmed", "undecided", 3.4), "agrees (size undecided)"),
        (GAIN, answer("confirmed", "confirmed", "different", 9.0), "differs (stronger)"),
        (GAIN, answer("confirmed", "confirmed", "different", 1.0), "differs (weaker)"),
        (LOSS, answer("confirmed", "confirmed", "different", -4.0), "differs (stronger)"),
        (LOSS, answer("confirmed", "confirmed", "different", -0.1), "differs (weaker)"),
        (GAIN, answer("contradicted", "contradicted", "different", -2.0),
         "differs (opposite sign)"),
        (GAIN, answer(verdict.ONE_SEED, verdict.ONE_SEED, verdict.ONE_SEED, 3.0),
         "undecided (one seed)"),
        (COLD, answer("contradicted", "confirmed", "different", 9.0), "differs (stronger)"),
        (COLD, answer("contradicted", "undecided", "different", 0.1), "differs (weaker)"),
        (COLD, answer("contradicted", "contradicted", "different", -9.0),
         "differs (opposite sign)"),
        (COLD, answer("confirmed", "confirmed", "equivalent", 3.0), "agrees"),
        (SIGN, answer("contradicted", "contradicted"), "differs (opposite sign)"),
        (SIGN, answer("undecided", "undecided"), "undecided"),
        (DEPTH, answer("contradicted", found=0), "differs"),
        (DEPTH, answer("not testable"), "not tested"),
        (DEPTH, answer("not run"), "not tested (not run)"),
        (DEPTH, answer("partial 1/3"), "partial 1/3"),
        (DEPTH, answer("stale"), "stale"),
        (DEPTH, answer("unreadable"), "unreadable"),
    ],
)  # fmt: skip
def test_sign_and_size_become_one_word(claim, result, word):
    assert told(claim, result, None) == (word, None)
    assert kind_of(word) in WORDS
    tested = told(claim, result, "demo")
    assert tested == ("not tested on MIND", f"demo: {word}")
    assert told(claim, result, "other data").word == "not tested on MIND-small"


def test_data_are_named_where_they_are_not_the_papers():
    assert data_of("mind-small", True) is None
    assert data_of("demo", False) == "demo"
    assert data_of("local", False) == "other data"


def test_every_answer_of_a_judge_has_a_word_and_each_sign_is_one_words():
    answers = {
        verdict.coverage(0, 2), verdict.coverage(1, 2), verdict.of_value(1, None, 1),
        verdict.of_value(None, 1, 1), verdict.of_value(1, 1, 1), verdict.of_value(2.4, 1, 1),
        verdict.of_value(9, 1, 1), verdict.of_value(-9, 1, 1), "stale", "unreadable", "running",
        verdict.of_sign([1, 2], 1, 0.01), verdict.of_sign([1, 2], -1, 0.01),
        verdict.ONE_SEED, verdict.of_size([1, 2], 1.5, 1), verdict.of_size([1, 2], 9, 1),
    }  # fmt: skip
    known = {kind_of(given) for given in answers}
    known |= {of_question({"verdict": given}) for given in ("confirmed", "contradicted")}
    assert known == set(WORDS)
    assert len({word.sign for word in WORDS.values()}) == len(WORDS)
    assert with_sign("partial 1/3") == "◐ partial 1/3"
    assert word_of("worse") == "differs (lower)"


def test_counts_agree_with_their_number():
    words = ["agrees", "agrees (size undecided)", "differs (weaker)", "partial 1/3"]
    assert word_counts(words) == "2 agree, 1 differs, 1 partial"


def test_another_model_in_the_place_of_the_papers_tests_no_claim():
    claim = {"value": 3.58, "id": "C1"}
    found = answer("confirmed", stand_ins={"bert-base": "minilm"})
    assert told(claim, found, None) == (
        "not tested (minilm stands for bert-base)", "other models: agrees",
    )  # fmt: skip
    assert kind_of(told(claim, found, None).word) == "not tested"
    assert told(claim, answer("confirmed", stand_ins={}), None) == ("agrees", None)
    assert told(claim, found, "demo") == ("not tested on MIND", "demo: agrees")


def test_what_is_undecided_says_what_would_decide_it():
    power, one = {"seeds": 3, "impressions": 9000}, {"least": 1}
    assert would_decide(answer("undecided", power=power, seeds=one)) == (
        "It would be decided in 8 of 10 studies by 3 seeds on these impressions, or by 9,000 "
        "impressions with 2 seeds."
    )
    none = {"seeds": None, "impressions": 9000}
    told = would_decide(answer(verdict.ONE_SEED, power=none, seeds={"least": 3}))
    assert told == "It would be decided in 8 of 10 studies by 9,000 impressions with 3 seeds."
    assert "more seeds and impressions" in would_decide(answer("undecided"))
    assert would_decide(answer("undecided", power_reason="costs have no test")) is None
    assert would_decide(answer("confirmed")) is None


@pytest.mark.parametrize(
    ("result", "word", "on_the_demo"),
    [
        ({"verdict": "confirmed"}, "yes", "demo: yes"),
        ({"verdict": "confirmed", "small": True}, "yes (small)", "demo: yes (small)"),
        ({"verdict": "contradicted"}, "no", "demo: no"),
        ({"verdict": "undecided"}, "undecided", "demo: undecided"),
        ({"verdict": verdict.ONE_SEED}, "undecided (one seed)", "demo: undecided (one seed)"),
        ({"verdict": "not run"}, "not run", None),
        ({"verdict": "partial 2/3"}, "partial 2/3", None),
        ({"verdict": "not testable"}, "not tested", None),
    ],
)
def test_a_question_is_answered_in_one_word_and_invented_clicks_answer_none(
    result, word, on_the_demo
):
    assert told_answer(result, demo=False) == (word, None) and kind_of(word) in WORDS
    told_there = told_answer(result, demo=True)
    assert told_there == (
        ("not tested on real clicks", on_the_demo) if on_the_demo else (word, None)
    )


def test_the_page_on_claims_has_the_table_of_the_code():
    page = (ROOT / "docs/claims.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\S) ([a-z ]+) \| (.+?) \|$", page, re.MULTILINE)
    assert [(name, sign, meaning) for sign, name, meaning in rows] == [
        (name, sign, meaning) for name, (sign, meaning) in WORDS.items()
    ]
