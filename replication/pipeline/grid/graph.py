"""Which stages there are, which of them have to run, and what each needs: read from DVC, here."""

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from replication.files.errors import StudyError
from replication.study import paths

_PATIENCE = 30  # seconds


@dataclass(frozen=True)
class Stage:
    """One stage of dvc.yaml.

    name      as `dvc repro` takes it
    run       the name of its run's folder, such as `nrms-minilm-frozen-clean-s1`; None: no run
    upstream  the stages whose outputs it reads
    pending   whether it, or a stage that it needs, is not as recorded in dvc.lock
    """

    name: str
    run: str | None
    upstream: tuple[str, ...]
    pending: bool


def read_stages() -> dict[str, Stage]:
    """Every stage by name, in the order in which `dvc repro` runs them, one after another.

    Stages of a killed start may take a moment to end: they are waited for.
    Errors: `StudyError` with DVC's own words where it cannot read or compare them, as while another
    `dvc repro` runs.
    """
    from dvc.exceptions import DvcException
    from dvc.lock import LockError

    ends = time.monotonic() + _PATIENCE
    while True:
        try:
            upstream, runs, changed = _read()
            break
        except LockError as error:
            if time.monotonic() > ends:
                told = str(error).partition("\n\n")[0]
                raise StudyError(f"DVC is at work here: {' '.join(told.split())}") from None
            time.sleep(1)
        except DvcException as error:
            told = " ".join(str(error).split())
            raise StudyError(f"dvc.yaml: DVC cannot read the stages: {told}") from None
    found: dict[str, Stage] = {}
    for name, needed in upstream.items():
        pending = name in changed or any(found[other].pending for other in needed)
        found[name] = Stage(name, runs[name], tuple(needed), pending)
    return found


def _read() -> tuple[dict[str, list[str]], dict[str, str | None], Collection[str]]:
    from dvc.repo import Repo
    from dvc.repo.reproduce import collect_stages, plan_repro

    with Repo(_wait_for_lock=True) as repo:
        graph = repo.index.graph  # from a stage to those that it needs
        plan = plan_repro(graph, collect_stages(repo, ["dvc.yaml"]))
        upstream = {s.addressing: [n.addressing for n in graph.successors(s)] for s in plan}
        return upstream, {s.addressing: _run(s) for s in plan}, repo.status()


def _run(stage: Any) -> str | None:
    outs = (Path(out.def_path) for out in stage.outs)
    return next((out.stem for out in outs if paths.IMPRESSIONS in out.parents), None)


def choose(stages: Mapping[str, Stage], only: str | None) -> list[str]:
    """The pending stages in order: all, or the runs whose names match `only` and what they need.

    Errors: `StudyError` where no run is called so.
    """
    wanted = set(stages)
    if only is not None:
        wanted = {s.name for s in stages.values() if s.run and fnmatchcase(s.run, only)}
        if not wanted:
            some = next((s.run for s in stages.values() if s.run), "none at all")
            raise StudyError(f"--only {only!r}: no run is called so; there is {some!r}, for one")
        wanted |= needed_by(stages, wanted)
    return [s.name for s in stages.values() if s.pending and s.name in wanted]


def needed_by(stages: Mapping[str, Stage], names: Collection[str]) -> set[str]:
    """All stages that `names` need, directly or not."""
    return closure({s.name: s.upstream for s in stages.values()}, names)


def needing(stages: Mapping[str, Stage], names: Collection[str]) -> set[str]:
    """All stages that need one of `names`, directly or not."""
    below: dict[str, list[str]] = {name: [] for name in stages}
    for stage in stages.values():
        for other in stage.upstream:
            below[other].append(stage.name)
    return closure(below, names)


def closure(arrows: Mapping[str, Iterable[str]], names: Collection[str]) -> set[str]:
    """All that `arrows` lead to from `names`, in one step or more."""
    found: set[str] = set()
    left = list(names)
    while left:
        new = set(arrows[left.pop()]) - found
        found |= new
        left += new
    return found
