"""Stage `questions`: its file, before a run has been made and after."""

from dataclasses import replace

import pytest
from drifting import Drifting
from planted import planted_params
from pydantic import TypeAdapter

from replication.files.documents import read_json
from replication.paper.questions import load_questions
from replication.paper.words import WORDS, kind_of
from replication.questions import answers
from replication.report.questions_schema import QuestionsFile
from replication.study import paths


@pytest.fixture
def params(tmp_path, monkeypatch):
    return planted_params(tmp_path, monkeypatch, models=("bert-base",), recommenders=("nrms",))


def test_without_a_run_each_question_says_what_it_needs(params):
    answers.answer_questions(params)
    found = read_json(paths.QUESTIONS)
    TypeAdapter(QuestionsFile).validate_python(found)
    assert [q["id"] for q in found["questions"]] == [q.id for q in load_questions()]
    for question in found["questions"]:
        answer = question["answers"]["clean"]
        assert answer["word"] in ("not run", "not tested") and answer["aside"] is None
        assert answer["reason"]
        if question["judge"] is None:
            assert answer["word"] == "not tested"
            assert answer["reason"] == f"No judge of it has been written yet. {question['needs']}"
    drift = found["questions"][1]["answers"]["clean"]
    assert drift["word"] == "not run" and drift["missing"][0].startswith("dvc repro grid@nrms-")


def test_answers_are_written_as_pages_read_them(params, monkeypatch):
    study = Drifting(params, impressions=500)
    asked = study.asked(lambda cell, x: 0.75 - 0.05 * x["time"])
    monkeypatch.setattr(answers, "Asked", lambda *_: asked)
    answers.answer_questions(params)
    found = read_json(paths.QUESTIONS)
    TypeAdapter(QuestionsFile).validate_python(found)
    drift = found["questions"][1]["answers"]["clean"]
    assert drift["verdict"] == "confirmed" and drift["word"] == "yes"
    assert drift["coverage"][0] == drift["coverage"][1] > 0
    assert all(kind_of(q["answers"]["clean"]["word"]) in WORDS for q in found["questions"])


def test_invented_clicks_answer_nothing(params, monkeypatch):
    demo = replace(params, profile="demo")
    study = Drifting(demo, impressions=500)
    asked = study.asked(lambda cell, x: 0.75 - 0.05 * x["time"])
    monkeypatch.setattr(answers, "Asked", lambda *_: asked)
    answers.answer_questions(demo)
    drift = read_json(paths.QUESTIONS)["questions"][1]["answers"]["clean"]
    assert (drift["word"], drift["aside"]) == ("not tested on real clicks", "demo: yes")
