"""The stages of a study as DVC has recorded them: commands, parameters, digests, in its order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replication.files.errors import StudyError


@dataclass(frozen=True)
class Record:
    """A stage's definition, and what dvc.lock says of its last run.

    deps, outs  MD5 by path, as DVC writes it (of a folder it ends in `.dir`)
    params      values by key of params.yaml, as they were
    upstream    names of the stages whose outputs it reads
    recorded    whether dvc.lock knows a run of it; if not, digests and parameters are missing
    """

    name: str
    command: str
    deps: Mapping[str, str | None]
    params: Mapping[str, Any]
    outs: Mapping[str, str | None]
    upstream: tuple[str, ...]
    recorded: bool


def read_records(folder: Path) -> dict[str, Record]:
    """Every stage that dvc.yaml asks for, each after those that it needs.

    Errors: `StudyError` with DVC's own words where a file of its is missing or damaged.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from networkx import lexicographical_topological_sort

    try:
        with Repo(str(folder)) as repo:
            graph = repo.index.graph  # from a stage to those that it needs
            places = {stage.name: i for i, stage in enumerate(repo.index.stages)}
            order = lexicographical_topological_sort(
                graph.reverse(copy=True), key=lambda stage: places[stage.name]
            )
            return {stage.name: _record(stage, graph) for stage in order}
    except DvcException as error:
        told = " ".join(str(error).split())
        raise StudyError(f"{folder / 'dvc.yaml'}: DVC cannot read the stages: {told}") from None


def _record(stage: Any, graph: Any) -> Record:
    params: dict[str, Any] = {}
    deps: dict[str, Any] = {}
    for dep in stage.deps:
        value = dep.hash_info.value if dep.hash_info else None
        if hasattr(dep, "params"):
            params |= value or {}
        else:
            deps[dep.def_path] = value
    outs = {out.def_path: out.hash_info.value if out.hash_info else None for out in stage.outs}
    return Record(
        name=stage.name,
        command=stage.cmd,
        deps=deps,
        params=params,
        outs=outs,
        upstream=tuple(needed.name for needed in graph.successors(stage)),
        recorded=all(outs.values()),
    )


def choose(records: dict[str, Record], names: Sequence[str]) -> list[str]:
    """The stages that are called `names`, in order; `grid` stands for all of `grid@...`.

    Errors: `StudyError` naming the first name that is none.
    """
    chosen = set()
    for name in names:
        meant = [stage for stage in records if name in (stage, stage.partition("@")[0])]
        if not meant:
            groups = ", ".join(dict.fromkeys(stage.partition("@")[0] for stage in records))
            raise StudyError(
                f"verify: no stage {name!r}; `dvc stage list` lists all, one of them is "
                f"{next(reversed(records))!r}; a group is one of {groups}"
            )
        chosen.update(meant)
    return [stage for stage in records if stage in chosen]


def with_upstream(records: dict[str, Record], names: Sequence[str]) -> list[str]:
    """`names` and all that they need, in order."""
    needed = set(names)
    for stage in reversed(records):
        if stage in needed:
            needed.update(records[stage].upstream)
    return [stage for stage in records if stage in needed]


def is_recorded(folder: Path, path: str, digest: str) -> bool:
    """Whether an output lies on disk with the bytes of this digest of DVC's."""
    from dvc.repo import Repo

    with Repo(str(folder)) as repo:
        out = next(o for stage in repo.index.stages for o in stage.outs if o.def_path == path)
        return out.exists and out.hash_info.value == digest and not out.changed_checksum()
