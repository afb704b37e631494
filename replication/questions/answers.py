"""Stage `questions`: what was found about each question beyond the paper."""

from dataclasses import asdict

from replication.files.atomic import write_json
from replication.paper.cells import read_grid, read_parts, read_sweep
from replication.paper.evidence import Evidence
from replication.paper.questions import Question, load_questions
from replication.paper.results import NotJudged, Result, result
from replication.paper.words import told_answer, would_decide
from replication.questions.asked import Asked
from replication.study import paths
from replication.study.params import Params
from replication.study.registry import located


def answer_questions(params: Params) -> None:
    """Write reports/questions.json: each question with its answer under each protocol of the grid.

    Errors: `StudyError` naming a file of the runs, or of the prepared data, that is damaged.
    """
    asked = Asked(
        params, Evidence(params, read_grid(params), read_sweep(params), read_parts(params))
    )
    questions = [
        asdict(question)
        | {"answers": {p: _told(answer(question, asked, p), params) for p in params.grid.protocols}}
        for question in load_questions()
    ]
    write_json(
        paths.QUESTIONS,
        {"profile": params.profile, "demo": params.demo, "questions": questions},
    )


def answer(question: Question, asked: Asked, protocol: str) -> Result:
    """What its judge says, or why there is nothing to judge yet."""
    if question.judge is None:
        return result("not testable", f"No judge of it has been written yet. {question.needs}")
    judge = located(f"{__package__}.{question.judge}:judge")
    try:
        found = judge(question, asked, protocol)
    except NotJudged as early:
        return early.result
    return found | {"coverage": list(asked.evidence.coverage(found["places"]))}


def _told(found: Result, params: Params) -> Result:
    """With what a reader is told of it: word, aside, would_decide."""
    word, aside = told_answer(found, params.demo)
    absent: Result = dict.fromkeys(("power", "small")) | {"curves": []}
    kept = {key: value for key, value in found.items() if key not in ("places", "sign", "size")}
    more = {"word": word, "aside": aside, "would_decide": would_decide(found)}
    return absent | kept | more
