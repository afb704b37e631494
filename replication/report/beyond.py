"""The questions beyond the paper: a table of answers, then what each rests on."""

from collections.abc import Sequence
from typing import Any

from replication.paper.words import of_question, with_sign, word_of
from replication.report.tables import Field, Number, Probability, Table
from replication.report.texts import listed, sentence

Record = dict[str, Any]
ANSWERED = "dvc repro questions report"  # makes whatever comes out of `questions`
UNANSWERED = "No question has been put to the runs yet: run `dvc repro questions`."
ABOUT = (
    "What the paper leaves open and what it was asked to check, put to the same runs. An answer is "
    "*yes* or *no* only where an interval carries it; otherwise it is *undecided*, with what would "
    "decide it."
)


def questions_table(questions: Sequence[Record]) -> Table:
    """A row per question and protocol. questions: those of questions.json."""
    rows: list[list[Field]] = [
        [q["id"], answer_word(answer), q["title"], sentence_of(q), protocol]
        for q in questions
        for protocol, answer in q["answers"].items()
    ]
    header = ["id", "answer", "title", "question", "protocol"]
    caption = "The questions beyond the paper and their answers."
    return Table("questions", caption, ANSWERED, header, rows, text_columns=len(header))


def sentence_of(question: Record) -> str:
    return " ".join(question["question"].split())


def answer_word(answer: Record) -> str:
    """Such as `● yes`, or `∅ not tested on real clicks (demo: undecided)`."""
    aside = f" ({answer['aside']})" if answer["aside"] else ""
    return with_sign(answer["word"]) + aside


def answer_text(answer: Record) -> str:
    """The answer under one protocol, its reason, and what would decide it or make it."""
    text = f"{answer_word(answer)}."
    if answer["reason"]:
        text += f" {sentence(answer['reason'])}"
    if answer["would_decide"]:
        text += f" {answer['would_decide']}"
        if power := answer["power"]:
            text += f" Looked for: {power['effect']:.3g} {power['unit']}."
    if answer["coverage"][1]:
        text += " Runs: {} of {}.".format(*answer["coverage"])
    if answer["missing"]:
        text += f" Run: {listed(answer['missing'])}."
    return text


def parts_table(question: Record, protocol: str) -> Table | None:
    """What was compared for an answer, one by one; None where nothing was."""
    answer = question["answers"][protocol]
    demo = answer["aside"] is not None
    rows: list[list[Field]] = []
    for part in answer["parts"]:
        said = of_question(part) if demo else with_sign(of_question(part))
        if part.get("these_runs"):
            said += f"; these runs: {word_of(part['these_runs'])}"
        if part.get("reason"):
            said += f": {part['reason']}"
        rows.append(
            [
                part["what"],
                Number(part["found"], part["ci95"], "+.4f", "+.4f", absent="none"),
                part["unit"],
                Number(part["effect"], form=".4f", absent="–"),
                Probability(part["p_holm"], absent="–"),
                said,
            ]
        )
    if not rows:
        return None
    header = ["what", "found", "unit", "counts from", "p (Holm)", "answer"]
    caption = f"What was compared for {question['id']}, under {protocol}."
    name = f"questions-{question['id']}-{protocol}"
    return Table(name, caption, ANSWERED, header, rows, text_columns=len(header))


def terms_text(question: Record) -> str:
    """What would answer a question, what it needs, and what makes that."""
    run = f" *Run*: `{question['command']}`." if question["command"] else ""
    return (
        f"**{sentence_of(question)}** ({question['source']}.) *Yes*: "
        f"{' '.join(question['yes'].split())} *No*: {' '.join(question['no'].split())} *Needs*: "
        f"{' '.join(question['needs'].split())}{run}"
    )


def beyond_tables(questions: Sequence[Record]) -> list[Table]:
    """Every table that has files of its own; none without a question."""
    if not questions:
        return []
    found = [parts_table(q, protocol) for q in questions for protocol in q["answers"]]
    return [questions_table(questions), *(table for table in found if table)]


def beyond_text(questions: Sequence[Record], note: str) -> list[str]:
    """The section of the report. note: what every table must say."""
    if not questions:
        return [UNANSWERED]
    blocks = [ABOUT, questions_table(questions).in_report(note)]
    for question in questions:
        blocks += [f"### {question['id']} {question['title']}", terms_text(question)]
        for protocol, answer in question["answers"].items():
            blocks.append(f"*{protocol}*: {answer_text(answer)}")
            if table := parts_table(question, protocol):
                blocks.append(table.in_report(note))
    return blocks
