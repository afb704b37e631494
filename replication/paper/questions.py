"""What the paper leaves open, as data: each question, what would answer it, and what it needs."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from replication.paper.claims import Text, strict
from replication.paper.entries import load_entries

QUESTIONS = Path(__file__).with_name("questions.yaml")
JUDGES = Path(__file__).parents[1] / "questions"  # the room, which holds a file for each judge
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


@strict
class Question:
    """One question beyond the paper.

    yes, no        what would answer it so; anything else leaves it undecided
    needs          runs and data without which it is not run
    judge          the file of `replication/questions` that answers it; None: none does yet
    effect         the smallest that counts, in the judge's unit; None where there is no judge
    effect_reason  why that much, or why none
    command        what makes the runs that it needs; None: nothing in this package does
    """

    id: Text
    title: Text
    question: Text
    source: Literal["open in the paper", "asked of the paper"]
    yes: Text
    no: Text
    needs: Text
    judge: Name | None
    effect: Annotated[float, Field(gt=0)] | None
    effect_reason: Text
    command: Text | None

    @model_validator(mode="after")
    def _judged(self) -> Self:
        if self.judge is None:
            if self.effect is not None:
                raise ValueError("effect: expected null where judge is null")
            return self
        if not (JUDGES / f"{self.judge}.py").is_file():
            known = ", ".join(sorted(p.stem for p in JUDGES.glob("*.py") if p.stem != "__init__"))
            raise ValueError(
                f"judge: {self.judge!r} is no file of replication/questions; there are {known}"
            )
        if self.effect is None:
            raise ValueError("effect: expected a number where there is a judge")
        return self


def load_questions(path: Path = QUESTIONS) -> tuple[Question, ...]:
    """Every question, in the file's order; `StudyError` naming the file, the question, a field."""
    return load_entries(path, Question, "question")
