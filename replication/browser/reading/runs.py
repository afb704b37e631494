"""Every run that there is or should be, with its files and its state."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from replication.browser.workspace.stages import Stages
from replication.files.listing import is_junk
from replication.files.readable import File, read_file
from replication.paper.cells import Cell
from replication.report.schema import ColdStartFile, CostFile, MetricsFile, RunFile
from replication.study import paths
from replication.study.params import Params, protocol_label
from replication.study.parts import PARTS

KINDS = {"metrics": MetricsFile, "cold_start": ColdStartFile, "cost": CostFile, "run": RunFile}
READY = "ready"
UNASKED = "params.yaml asks for no such run"


class State(NamedTuple):
    """`ready`, or why not: `not run`, `running`, `stale` or `unreadable`, with the reason."""

    word: str
    reason: str | None = None


@dataclass(frozen=True)
class Run:
    """One seed of an experiment.

    cell    of which experiment and seed it is, with what could be read of its files

    files   by name: metrics, cold_start, cost, run
    stale   why its results are not those of the present code and parameters; None: they are
    running whether its stage runs at this moment
    """

    cell: Cell
    files: Mapping[str, File]
    stale: str | None = None
    running: bool = False

    @property
    def name(self) -> str:
        """Such as nrms-minilm-frozen-clean-s1."""
        return self.cell.name.rpartition("/")[2]

    def state(self, kind: str = "metrics") -> State:
        """The state of the run as far as one of its files tells it."""
        file = self.files[kind]
        if self.running:
            return State("running", "its stage is being run; reload to see the result")
        if file.problem:
            return State("unreadable", file.problem)
        if file.content is None:
            if kind == "metrics" or self.files["metrics"].content is None:
                command = self.cell.command
                return State("not run", f"run `{command}`" if command else self.stale)
            return State("unreadable", f"{file.path}: no such file, though the run has metrics")
        return State("stale", self.stale) if self.stale else State(READY)

    @property
    def problems(self) -> list[str]:
        return [file.problem for file in self.files.values() if file.problem]


def read_run(cell: Cell, stages: Stages) -> Run:
    """The run that `cell` names, from its folder under reports/."""
    stage = stages.by_name.get(cell.command.removeprefix("dvc repro "))
    return made_run(
        cell,
        read_files(cell.folder),
        stale=stage.reason if stage and stage.state == "stale" else None,
        running=stage is not None and stage.state == "running",
    )


def read_files(folder: Path) -> dict[str, File]:
    """The files of a run, by name."""
    return {name: read_file(folder / f"{name}.json", kind) for name, kind in KINDS.items()}


def made_run(cell: Cell, files: Mapping[str, File], **state: Any) -> Run:
    content: dict[str, Any] = {name: file.content for name, file in files.items()}
    return Run(replace(cell, **content), MappingProxyType(dict(files)), **state)


def read_run_at_hand(params: Params, stages: Stages) -> Run:
    """The experiment at hand, which `dvc exp run -S ...` changes."""
    tuned = params.tuning == "finetuned" and params.registry[params.encoder].layers
    cell = Cell(
        params.recommender, params.encoder, params.tuning, protocol_label(params.protocol),
        params.seed, params.finetune_layers if tuned else None,
        paths.EXPERIMENT.name, "dvc repro experiment", part=params.tuned_parts,
    )  # fmt: skip
    return read_run(cell, stages)


def read_unasked(known: Sequence[Run], reason: str) -> list[Run]:
    """Runs under reports/ that are none of `known`: of other parameters, or left over; they are
    `stale` for `reason`, and no stage makes them again."""
    names = {run.cell.name for run in known}
    found = []
    for folder in sorted(paths.RUNS.glob("*/")):
        if is_junk(folder.name):
            continue
        name = f"{paths.RUNS.name}/{folder.name}"
        if name in names:
            continue
        files = read_files(folder)
        cell = described(name, "", files["run"].content)
        found.append(made_run(cell, files, stale=reason))
    return found


def described(name: str, command: str, run: dict[str, Any] | None) -> Cell:
    """A run as its run.json describes it; `unknown` stands for what that does not tell."""
    params = (run or {}).get("params", {})

    def text(key: str) -> str:
        return value if isinstance(value := params.get(key), str) else "unknown"

    protocol = params.get("protocol")
    label = protocol.get("name") if isinstance(protocol, dict) else None
    layers = params.get("finetune_layers")
    known = params.get("encoders")
    entry = known.get(text("encoder")) if isinstance(known, dict) else None
    layered = isinstance(entry, dict) and bool(entry.get("layers"))
    tuned = layered and text("tuning") == "finetuned" and type(layers) is int
    return Cell(
        text("recommender"), text("encoder"), text("tuning"),
        label if isinstance(label, str) else "unknown",
        run["seed"] if run else 0, layers if tuned else None, name, command,
        part=text("tuned_parts") if text("tuned_parts") in PARTS else "top",
    )  # fmt: skip


def adapter_name(run: Run, adapters: Collection[str]) -> str | None:
    """The adapter whose vectors a run read; a run that nothing asks for tells it by its encoder."""
    return run.cell.adapter or (run.cell.encoder if run.cell.encoder in adapters else None)
