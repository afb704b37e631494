"""Answers to questions beyond the paper, for the file of figures and the page of `distil`."""

from collections.abc import Sequence
from typing import Any

from replication.files.errors import StudyError
from replication.paper.cells import read_json
from replication.report.beyond import answer_text, parts_table
from replication.report.tables import Number, markdown
from replication.study import paths

Record = dict[str, Any]


def answers(names: Sequence[str]) -> list[Record]:
    """Of the study here, each question of `names` (Q2, ...) with id, title and answers by protocol.

    Errors: `StudyError` where no question has been put to the runs, or none has such a name.
    """
    known = {q["id"]: q for q in (read_json(paths.QUESTIONS) or {}).get("questions", ())}
    if not known:
        raise StudyError(f"{paths.QUESTIONS}: no answer yet; run `dvc repro questions` first")
    for name in names:
        if name not in known:
            raise StudyError(
                f"--question: {name} is not accepted; accepted: {', '.join(sorted(known))}"
            )
    return [{key: known[name][key] for key in ("id", "title", "answers")} for name in names]


def answers_text(found: Sequence[Record]) -> list[str]:
    """Of each answer what was found, what was compared, and a table for each of its pictures."""
    blocks = []
    for question in found:
        for protocol, answer in question["answers"].items():
            name = f"{question['id']}, {question['title'].lower()}"
            blocks.append(f"**{name}**: {answer_text(answer)}\n")
            if table := parts_table(question, protocol):
                blocks.append(markdown(table.header, table.for_people(), table.text_columns))
            blocks += [_points(curve) for curve in answer["curves"]]
    return blocks


def _points(curve: Record) -> str:
    """A row for each point of a picture."""
    rows = [
        [
            point["line"],
            Number(point["x"], form=".3f"),
            Number(point["y"], point["ci95"], ".3f"),
            str(point.get("impressions") or ""),
        ]
        for point in curve["points"]
    ]
    return markdown(["", curve["x"], curve["y"], "impressions"], rows, text_columns=1)
