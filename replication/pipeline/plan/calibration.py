"""What runs in `reports/` took beside what was estimated for them, by kind of work.

A run's work, training and test, scales the estimate of others of its kind on the same machine; what
it takes besides (building the model, intervals, files) is taken as it is. Runs that searched for
learning rates count by the training that was kept. A start that is booked to every run that begins
from it is no part of any: it is work of its own. What embedding all articles took scales that of
other models and articles, by the operations that were counted of it.
"""

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from replication.files.documents import validated
from replication.files.errors import StudyError
from replication.files.listing import files_below, files_in
from replication.paper.cells import read_json
from replication.report.estimate import adapting, training
from replication.report.expected import mean_cost, shape_of
from replication.report.machines import Machine
from replication.study import paths
from replication.study.params import Params, as_mapping, load_protocol

RESTS = ("seconds", "search_seconds", "training_seconds", "test_seconds")


@dataclass(frozen=True)
class Run:
    """One measured run.

    folder     under `reports/`, such as runs/nrms-minilm-frozen-clean-s1
    id         of what was run, whichever folder it is in
    kind       of its work, as machines.yaml names it
    work       seconds of training and test, and `estimated` what was estimated for them
    besides    seconds of the run beside these and a search
    seconds    all of it; memory: peak bytes
    """

    folder: str
    id: str
    profile: str
    kind: str
    work: float
    estimated: float
    besides: float
    seconds: float
    memory: float


@dataclass(frozen=True)
class Calibration:
    """Measured runs of one machine."""

    machine: Machine
    runs: tuple[Run, ...]

    def without(self, one: Run) -> "Calibration":
        """All runs but one, and but those of the same experiment: so that it can be predicted."""
        return replace(self, runs=tuple(run for run in self.runs if run.id != one.id))

    def of(self, kind: str) -> list[Run]:
        return [run for run in self.runs if run.kind == kind]

    def factor(self, kind: str) -> float:
        """Measured over estimated seconds of such work, geometric mean; 1 where there is no run."""
        ratios = [math.log(run.work / run.estimated) for run in self.of(kind)]
        return math.exp(statistics.fmean(ratios)) if ratios else 1.0

    def besides(self, kind: str) -> float:
        """Seconds of a run beside its work: the median, or what is assumed of the machine."""
        found = [run.besides for run in self.of(kind)]
        return statistics.median(found) if found else self.machine.run_seconds

    def measured(self, folder: str, profile: str) -> Run | None:
        return next((r for r in self.runs if (r.folder, r.profile) == (folder, profile)), None)


def calibration(params: Params, machine: Machine) -> Calibration:
    """From all finished runs, adapters and embeddings in `reports/` that such a machine has made.

    params: where a run's own parameters are silent. What is damaged or was resumed does not count.
    """
    folders = [path.parent for path in files_below(paths.REPORTS, "run.json")]
    runs = [*_runs(folders, params, machine), *_adapters(params, machine), *_embeddings(machine)]
    return Calibration(machine, tuple(runs))


def _runs(folders: Iterable[Path], params: Params, machine: Machine) -> Iterable[Run]:
    for folder in folders:
        try:
            run, cost = (read_json(folder / f"{name}.json") or {} for name in ("run", "cost"))
            whole = mean_cost([cost])
            threads = run["computing"]["threads"]
            if whole is None or cost.get("resumed") or not machine.did(run["hardware"], threads):
                continue
            seconds, search, trained, tested = (float(cost[name]) for name in RESTS)
            seconds -= float(cost.get("start_seconds", 0.0))
            cell = _as_it_ran(run, params, folder)
            estimated = training(cell, shape_of(cell), machine).seconds
        except (StudyError, KeyError, TypeError, ValueError, AttributeError):
            continue  # of another version, or malformed: it tells nothing
        if 0 < trained + tested <= seconds:
            yield Run(
                folder.relative_to(paths.REPORTS).as_posix(),
                str(run["id"]),
                cell.profile,
                cell.schedule_name,
                trained + tested,
                estimated,
                max(0.0, seconds - search - trained - tested),
                seconds,
                whole[1],
            )


def _as_it_ran(run: dict, params: Params, folder: Path) -> Params:
    """The parameters of a run, with the rates and the number of batches that it trained with."""
    base = as_mapping(params)
    found = {**base, **run["params"]}
    for key in ("training", "encoders", "adapters"):
        found[key] = {**base[key], **run["params"][key]}
    group = load_protocol(run["params"]["protocol"]["name"])
    found["protocol"] = {**as_mapping(group), **run["params"]["protocol"]}
    cell = validated(Params, found, folder / "run.json")
    schedule = replace(cell.schedule, max_steps=run["training"]["steps"])
    changed: dict[str, Any] = {cell.schedule_name: schedule}
    return replace(cell, training=replace(cell.training, **changed))


def _adapters(params: Params, machine: Machine) -> Iterable[Run]:
    for name, adapter in params.adapters.items():
        try:
            cost = read_json(paths.ADAPTERS / f"{name}.json") or {}
        except StudyError:
            continue
        whole = mean_cost([cost])
        if whole and cost.get("steps") == adapter.max_steps and machine.did(cost.get("hardware")):
            estimated = adapting(params, name, machine).seconds
            folder, (took, peak, _) = f"adapters/{name}", whole
            yield Run(folder, name, params.profile, "adapt", took, estimated, 0.0, took, peak)


def _embeddings(machine: Machine) -> Iterable[Run]:
    """Their records do not say of which profile they are, so they predict and are not predicted."""
    for file in files_in(paths.EMBEDDING_COSTS, "*.json"):
        try:
            cost = read_json(file) or {}
            whole, operations = mean_cost([cost]), float(cost["operations"])
        except (StudyError, KeyError, TypeError, ValueError, AttributeError):
            continue
        if whole and operations > 0 and machine.did(cost.get("hardware")):
            name, (took, peak, _) = file.stem, whole
            estimated = operations / machine.rate("embed")
            folder = f"embeddings/{name}"
            yield Run(folder, folder, "", "embed", took, estimated, 0.0, took, peak)
