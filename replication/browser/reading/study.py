"""All that the pages show, read anew at each turn from the files that are there.

Nothing is written, no lock is taken and DVC is not asked: a study that is being run can be read.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from replication.browser.reading.experiments import Experiment, group_runs
from replication.browser.reading.runs import (
    UNASKED,
    Run,
    read_run,
    read_run_at_hand,
    read_unasked,
)
from replication.browser.workspace.stages import Stage, Stages, read_stages
from replication.files.listing import files_in
from replication.files.readable import File, read_file, tried
from replication.paper.cells import grid_cells, parts_cells, sweep_cells
from replication.paper.values import VALUES, load_values
from replication.paper.words import data_of
from replication.report.claims_schema import ClaimsFile
from replication.report.comparison_schema import ComparisonFile
from replication.report.questions_schema import QuestionsFile
from replication.report.schema import AdapterFile, BaselinesFile, DataFile, EmbeddingFile
from replication.report.study import DEMO_LABEL
from replication.report.study import Study as Report
from replication.report.texts import sentence
from replication.study import paths
from replication.study.params import Params, load_params
from replication.study.settings import ON_THE_DEMO_S_CORPUS


@dataclass(frozen=True)
class Study:
    """What was found; a `File` without content says why, or that there is no such file.

    grid, sweep  experiments in reading order, run or not
    runs         each run once: grid, sweep, parts, the experiment at hand, and others found under
                 reports/
    paper        the paper's own values, as imported
    """

    params: File[Params]
    stages: Stages
    grid: tuple[Experiment, ...]
    sweep: tuple[Experiment, ...]
    runs: tuple[Run, ...]
    paper: File
    claims: File
    comparison: File
    baselines: File
    data: File
    questions: File
    adapters: Mapping[str, File]
    embeddings: Mapping[str, File]
    loaded: datetime

    @property
    def profile(self) -> str | None:
        """That of params.yaml, or of the claims where that cannot be read."""
        found = self.params.content
        return found.profile if found else (self.claims.content or {}).get("profile")

    @property
    def demo(self) -> bool:
        return self.profile in ON_THE_DEMO_S_CORPUS

    @property
    def judged_on(self) -> str | None:
        """What to call the data where they are not the paper's; see `words.data_of`."""
        found = self.claims.content
        if found is None:
            return data_of(self.profile, not self.demo)
        return data_of(found["profile"], found["evidence"])

    @property
    def note(self) -> str:
        """What every table and figure must say."""
        if self.demo:
            return DEMO_LABEL
        return sentence((self.claims.content or {}).get("note") or "")

    @property
    def problems(self) -> list[str]:
        """Every file that cannot be read, with the reason, once."""
        files = [self.params, self.paper, self.claims, self.comparison, self.baselines, self.data,
                 self.questions]  # fmt: skip
        lines = [
            file.problem for file in (*files, *self.adapters.values(), *self.embeddings.values())
        ]
        lines += [problem for run in self.runs for problem in run.problems]
        lines.append(self.stages.problem if self.stages.lock_digest else None)  # may be missing
        return list(dict.fromkeys(line for line in lines if line))

    def stage(self, name: str) -> Stage | None:
        return self.stages.by_name.get(name)

    def stale(self, name: str) -> str | None:
        """Why the results of a stage are not those of the present files; None where they are."""
        stage = self.stage(name)
        return stage.reason if stage and stage.state == "stale" else None

    @property
    def report(self) -> Report | None:
        """As the report's tables take it, with the protocols that were judged; None where a file
        that they need is not there. Runs that cannot be read count as not run."""
        params = self.params.content
        files = (self.comparison, self.claims, self.baselines, self.data)
        contents = [file.content for file in files if file.content is not None]
        if params is None or len(contents) < len(files):
            return None
        comparison, claims, baselines, data = contents
        judged = [c["verdicts"].keys() for c in claims["claims"]]
        common = [p for p in (judged[0] if judged else ()) if all(p in keys for keys in judged)]
        params = replace(params, grid=replace(params.grid, protocols=tuple(common)))
        cells = [run.cell for experiment in self.grid for run in experiment.runs]
        return Report(params, cells, comparison, claims, baselines, data)


def read_study() -> Study:
    """The study in the working directory."""
    params, stages = _params(), read_stages()
    comparison: File[Any] = read_file(paths.COMPARISON, ComparisonFile)
    paper = _values()
    values = paper.content or {}
    found = params.content
    grid = [read_run(cell, stages) for cell in grid_cells(found)] if found else []
    known = {run.cell.name: run for run in grid}
    depths = sweep_cells(found) if found else []
    known |= {cell.name: read_run(cell, stages) for cell in depths if cell.name not in known}
    swept = [known[cell.name] for cell in depths]
    known |= {cell.name: read_run(cell, stages) for cell in (parts_cells(found) if found else [])}
    others = read_unasked([*known.values()], UNASKED if found else f"{paths.PARAMS} is unreadable")
    models = {ours: theirs for theirs, ours in found.paper.items()} if found else {}
    compared: dict[str, Any] = comparison.content or {"cells": [], "sweep": []}
    return Study(
        params=params,
        stages=stages,
        grid=(
            *group_runs(grid, models, values, _grid(compared["cells"])),
            *group_runs(others, models, values, {}, unasked=found is not None),
        ),
        sweep=group_runs(swept, models, values, _depths(compared["sweep"]), swept=True),
        runs=(
            *known.values(),
            *([read_run_at_hand(found, stages)] if found else []),
            *others,
        ),
        paper=paper,
        claims=read_file(paths.CLAIMS, ClaimsFile),
        comparison=comparison,
        baselines=read_file(paths.BASELINES, BaselinesFile),
        data=read_file(paths.DATA_CARD, DataFile),
        questions=read_file(paths.QUESTIONS, QuestionsFile),
        adapters={p.stem: read_file(p, AdapterFile) for p in files_in(paths.ADAPTERS, "*.json")},
        embeddings={
            p.stem: read_file(p, EmbeddingFile) for p in files_in(paths.EMBEDDING_COSTS, "*.json")
        },
        loaded=datetime.now(UTC),
    )


def _params() -> File[Params]:
    """params.yaml, read again only when it or a protocol's group has changed."""
    states = _states([paths.PARAMS, *files_in(paths.PROTOCOLS)])
    return tried(lambda: _parsed(*states), paths.PARAMS)


def _values() -> File[dict]:
    return tried(lambda: _parsed_values(*_states([VALUES])), VALUES)


def _states(files: Iterable[Path]) -> tuple[tuple[str, int, int], ...]:
    return tuple(
        (str(path), state.st_mtime_ns, state.st_size)
        for path in files
        if path.exists() and (state := path.stat())
    )


def _remembered(read: Callable[[], Any]) -> Callable[..., Any]:
    """`read`, called again only when a file's state has changed."""
    return lru_cache(maxsize=4)(lambda *states: read())


_parsed = _remembered(load_params)
_parsed_values = _remembered(load_values)


def _grid(experiments: list[dict[str, Any]]) -> dict[tuple, dict]:
    return {
        (c["recommender"], c["encoder"], c["tuning"], c["protocol"], c["layers"]): {
            **{(metric, None): found for metric, found in c["metrics"].items()},
            **{("auc", group["group"]): group for group in c["groups"]},
        }
        for c in experiments
    }


def _depths(curves: list[dict[str, Any]]) -> dict[tuple, dict]:
    return {
        (c["recommender"], c["encoder"], "finetuned", c["protocol"], point["layers"]): {
            ("auc", None): point
        }
        for c in curves
        for point in c["curve"]
    }
