"""Answers that `distil` takes into its file: those asked for, all of their figures on the page."""

import json

import pytest

from replication.files.errors import StudyError
from replication.report.distilled_answers import answers, answers_text
from replication.study import paths

PART = {
    "what": "AUC of all experiments over the days", "unit": "AUC a day", "found": -0.0123,
    "ci95": [-0.03, 0.0054], "p": 0.1, "p_holm": 0.2, "effect": 0.004, "small": False,
    "verdict": "undecided", "reason": None,
}  # fmt: skip
CURVE = {
    "name": "time", "x": "days", "y": "AUC",
    "points": [
        {"line": "frozen", "x": 0.4, "y": 0.561, "ci95": [0.5, 0.62], "impressions": 812},
        {"line": "frozen", "x": 1.5, "y": 0.548, "ci95": None},
    ],
}  # fmt: skip
ANSWER = {
    "verdict": "undecided", "word": "undecided", "aside": None, "reason": None, "parts": [PART],
    "curves": [CURVE], "coverage": [2, 2], "missing": [], "power": None,
    "would_decide": "It would be decided by 90,000 impressions (9,000 users).",
}  # fmt: skip


@pytest.fixture
def asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths.QUESTIONS.parent.mkdir()
    one = {"id": "Q2", "title": "Drift", "needs": "runs", "answers": {"clean": ANSWER}}
    other = one | {"id": "Q3", "title": "Other languages"}
    paths.QUESTIONS.write_text(json.dumps({"questions": [one, other]}), encoding="utf-8")


def test_those_asked_for_are_taken_whole_and_in_that_order(asked):
    found = answers(["Q3", "Q2"])
    assert [question["id"] for question in found] == ["Q3", "Q2"]
    assert found[1] == {"id": "Q2", "title": "Drift", "answers": {"clean": ANSWER}}
    assert answers([]) == [] and answers_text([]) == []


def test_the_page_has_the_word_what_would_decide_and_every_figure(asked):
    text = "\n".join(answers_text(answers(["Q2"])))
    assert text.startswith("**Q2, drift**: ? undecided. It would be decided by 90,000 impressions")
    assert "-0.0123 [-0.0300, +0.0054]" in text and "0.200" in text
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    assert ["frozen", "0.400", "0.561 [0.500, 0.620]", "812"] in rows
    assert ["frozen", "1.500", "0.548", ""] in rows


def test_a_name_that_there_is_not_and_no_answer_at_all(asked):
    with pytest.raises(StudyError, match="--question: Q9 is not accepted; accepted: Q2, Q3"):
        answers(["Q9"])
    paths.QUESTIONS.unlink()
    with pytest.raises(StudyError, match=r"questions\.json: no answer yet; run `dvc repro"):
        answers(["Q2"])
