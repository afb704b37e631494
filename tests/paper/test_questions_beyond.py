"""The open questions as data: each is there, and a malformed one is refused in one line."""

import copy

import pytest
from ruamel.yaml import YAML

from replication.files.documents import read_yaml
from replication.files.errors import StudyError
from replication.paper.questions import JUDGES, QUESTIONS, load_questions


@pytest.fixture
def entries():
    return copy.deepcopy(read_yaml(QUESTIONS))


def test_the_questions_that_the_paper_leaves_open_and_those_that_it_was_asked_come_in_order():
    found = load_questions()
    assert [question.id for question in found] == ["Q1", "Q2", "Q3", "Q4", "Q5", "Q6"]
    left = [question.title for question in found if question.source == "open in the paper"]
    assert left == ["Size", "Drift", "Other languages"]


def test_a_judge_is_a_file_of_its_own_and_every_judge_is_asked():
    """The other files of the room are no judges: they have no function of that name."""
    asked = {question.judge for question in load_questions()} - {None}
    files = {path.stem for path in JUDGES.glob("*.py") if "\ndef judge(" in path.read_text("utf-8")}
    assert asked == files


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda q: q.pop("needs"), "question Q2: needs: is missing"),
        (lambda q: q.update(neds="x"), "question Q2: neds: is no field of it; remove it"),
        (lambda q: q.update(judge="drifts"), "question Q2: judge: 'drifts' is no file of repl"),
        (lambda q: q.update(judge="../paper/claims"), "question Q2: judge: "),
        (lambda q: q.update(judge=None), "question Q2: effect: expected null where judge is null"),
        (lambda q: q.update(effect=None), "question Q2: effect: expected a number where there"),
        (lambda q: q.update(effect=0), "question Q2: effect: "),
        (lambda q: q.update(effect="0.01"), "question Q2: effect: "),
        (lambda q: q.update(id="Q1"), "question Q1: id: stands twice"),
        (lambda q: q.update(source="a friend"), "question Q2: source: "),
        (lambda q: q.update(yes=""), "question Q2: yes: "),
    ],
)
def test_a_malformed_question_is_told_by_file_question_and_field(entries, tmp_path, change, told):
    change(entries[1])
    path = tmp_path / "questions.yaml"
    with path.open("w", encoding="utf-8") as file:
        YAML().dump(entries, file)
    with pytest.raises(StudyError) as error:
        load_questions(path)
    assert str(error.value).startswith(f"{path}: {told}") and "\n" not in str(error.value)
