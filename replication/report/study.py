"""Everything that the report tells, read from the files under reports/."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from replication.files.errors import StudyError
from replication.paper.cells import Cell, read_grid, read_json
from replication.report.texts import sentence
from replication.study import paths
from replication.study.params import Params

DEMO_LABEL = "Demo data: not evidence about the paper."
COMPARED = "dvc repro compare report"  # makes whatever comes out of `compare`
EXPERIMENT = ("recommender", "encoder", "tuning", "protocol")  # what names one; a run, its seed
FIFTHS = (1, 2, 3, 4, 5)
GROUPS: dict[int | str, str] = {
    1: "1",
    2: "2",
    3: "3",
    4: "4",
    5: "5",
    "at_most_5": "≤ 5",
    "more_than_5": "> 5",
}


@dataclass(frozen=True)
class Study:
    """The grid's runs, made or not, and the contents of the JSON files named as they are.

    questions  those of questions.json, none before stage `questions` has been run
    """

    params: Params
    cells: Sequence[Cell]
    comparison: dict[str, Any]
    claims: dict[str, Any]
    baselines: dict[str, Any]
    data: dict[str, Any]
    questions: Sequence[dict[str, Any]] = ()

    @property
    def demo(self) -> bool:
        return self.params.demo

    @property
    def note(self) -> str:
        """What every table must say."""
        return DEMO_LABEL if self.demo else sentence(self.claims.get("note") or "")

    @property
    def label(self) -> str:
        """What stands under the title of every figure."""
        return (
            f"Profile {self.params.profile}. {self.note}".strip() if not self.demo else DEMO_LABEL
        )

    @property
    def done(self) -> list[Cell]:
        """The runs that have been made."""
        return [cell for cell in self.cells if cell.metrics]

    @property
    def experiments(self) -> dict[tuple[str, str, str, str], list[Cell]]:
        """The runs of each experiment, one per seed, by what names it."""
        experiments: dict[tuple[str, str, str, str], list[Cell]] = {}
        for cell in self.cells:
            key = tuple(getattr(cell, name) for name in EXPERIMENT)
            experiments.setdefault(key, []).append(cell)
        return experiments

    @property
    def protocols(self) -> tuple[str, ...]:
        return self.params.grid.every_protocol


def read_study(params: Params) -> Study:
    """Errors: `StudyError` naming the first file that is missing or damaged."""
    files = {
        "comparison": paths.COMPARISON,
        "claims": paths.CLAIMS,
        "baselines": paths.BASELINES,
        "data": paths.DATA_CARD,
    }
    found: dict[str, Any] = {name: read_json(path) for name, path in files.items()}
    for name, path in files.items():
        if found[name] is None:
            raise StudyError(f"{path}: no such file; run `dvc repro`")
    questions = (read_json(paths.QUESTIONS) or {}).get("questions", ())
    return Study(params, read_grid(params), **found, questions=questions)
