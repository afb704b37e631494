"""The page on questions beyond the paper: answers, figures, and what is missing."""

import json
from pathlib import Path

import pytest
from test_pages import opened, words
from trees import HOSTILE

from replication.browser.reading.study import read_study

PART = {
    "what": "AUC of all experiments over the time", "unit": "AUC a day", "found": -0.031,
    "ci95": [-0.05, -0.012], "p": 0.01, "p_holm": 0.03, "effect": 0.004, "small": False,
    "verdict": "confirmed", "reason": None,
}  # fmt: skip
POINTS = [
    {"line": line, "x": x, "y": 0.6 - x / 50, "ci95": [0.5, 0.7], "impressions": 100}
    for line in ("frozen", "finetuned")
    for x in (1.0, 2.0)
]
ANSWER = {
    "verdict": "confirmed", "word": "not tested on real clicks", "aside": "demo: yes",
    "reason": None, "parts": [PART], "curves": [{"name": "time", "x": "days", "y": "AUC",
    "points": POINTS}], "coverage": [6, 6], "missing": [], "power": None, "would_decide": None,
}  # fmt: skip
QUESTION = {
    "id": "Q2", "title": "Drift", "question": "Does it?", "source": "open in the paper",
    "yes": "It does.", "no": "It does not.", "needs": "Runs.", "effect": 0.01,
    "effect_reason": "So much.", "command": "dvc repro", "answers": {"clean": ANSWER},
}  # fmt: skip


@pytest.fixture
def write(tmp_path, monkeypatch):
    """reports/questions.json of an otherwise empty project, which is the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(content: object) -> None:
        path = Path("reports/questions.json")
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")

    return write


def file(**changes):
    return {"profile": "demo", "demo": True, "questions": [QUESTION | changes]}


def test_an_answer_is_shown_with_its_figures_and_its_picture(write):
    write(file())
    app = opened("beyond")
    text = words(app)
    assert not app.exception
    assert "Q2 Drift" in text and "Does it?" in text
    assert "∅ not tested on real clicks (demo: yes). Runs: 6 of 6." in text
    assert "-0.0310 [-0.0500, -0.0120]" in text and "● yes" not in text
    [chart] = app.get("vega_lite_chart")
    assert "finetuned at 2.00: 0.5600" in chart.proto.alt or "0.56" in chart.proto.spec


def test_a_damaged_file_is_told_with_what_mends_it(write):
    write({"profile": "demo", "demo": True, "questions": [{"id": "Q2"}]})
    text = words(opened("beyond"))
    assert "unreadable" in text and "dvc repro questions" in text
    assert read_study().problems


def test_text_of_the_file_is_no_markup(write):
    write(file(question=HOSTILE, yes=HOSTILE))
    app = opened("beyond")
    assert not app.exception and HOSTILE in words(app)
