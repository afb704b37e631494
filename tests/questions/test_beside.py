"""Another study's folder is read by links, as it was written, and one that lacks a part is told."""

from dataclasses import replace

import pytest
from planted import Planted, planted_params
from two_studies import ranked

from replication.files.errors import StudyError
from replication.paper.cells import read_grid
from replication.paper.evidence import Evidence
from replication.paper.questions import load_questions
from replication.questions.answers import answer
from replication.questions.asked import Asked
from replication.study import paths
from replication.study.settings import Questions
from replication.study.shares import link_beside

QUESTIONS = {question.judge: question for question in load_questions()}
FIVE = ("glove", "bert-tiny", "bert-mini", "bert-medium", "bert-base")


def made(folder, monkeypatch, seed, models, beside=None):
    """A study whose files are written in `folder`, which is the working directory then."""
    folder.mkdir()
    params = planted_params(
        folder, monkeypatch, models=FIVE, recommenders=("nrms",), tunings=["frozen"]
    )
    params = replace(params, questions=Questions(beside=beside))
    truth = ranked(models, 0.04)
    Planted(params, 1500, seed).write(lambda cell, clicks: truth(cell))
    return params


@pytest.mark.parametrize(("models", "word"), [(FIVE, "confirmed"), (FIVE[::-1], "contradicted")])
def test_two_studies_in_two_folders(tmp_path, monkeypatch, models, word):
    made(tmp_path / "first", monkeypatch, 0, FIVE)
    params = made(tmp_path / "second", monkeypatch, 1, models, beside="../first")
    link_beside(params.questions.beside)
    asked = Asked(params, Evidence(params, read_grid(params)))
    assert answer(QUESTIONS["order"], asked, "clean")["verdict"] == word
    assert "decides" in answer(QUESTIONS["agreement"], asked, "clean")["reason"]
    there = asked.beside.evidence
    assert {cell.root for cells in there.cells.values() for cell in cells} == {paths.BESIDE}
    (tmp_path / "first/reports/runs/nrms-my-glove-frozen-clean-s1/metrics.json").write_text("{")
    with pytest.raises(StudyError, match=r"cache/beside/reports/runs/nrms-my-glove-frozen-clean"):
        answer(QUESTIONS["order"], Asked(params, asked.evidence), "clean")


def test_a_folder_without_runs_is_told_and_none_leaves_empty_places(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "first").mkdir()
    with pytest.raises(StudyError, match=r"questions\.beside: first/params\.yaml: no such file"):
        link_beside("first")
    link_beside(None)
    parts = ("params.yaml", "reports", "runs", "data/prepared/test")
    assert all(not any((paths.BESIDE / part).iterdir()) for part in parts)


def test_invented_clicks_are_not_compared_with_others(tmp_path, monkeypatch):
    made(tmp_path / "first", monkeypatch, 0, FIVE)
    params = made(tmp_path / "second", monkeypatch, 1, FIVE, beside="../first")
    link_beside(params.questions.beside)
    demo = replace(params, profile="demo")
    found = answer(QUESTIONS["order"], Asked(demo, Evidence(demo, read_grid(demo))), "clean")
    assert found["verdict"] == "not testable"
    assert "demo and mind-small is of invented clicks" in found["reason"]
