"""A verdict for each stage that was run again, and why it is not `identical`."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replication.files.digest import md5
from replication.files.errors import StudyError
from replication.files.listing import files_below, files_in
from replication.files.readable import read_file
from replication.pipeline.verify.causes import (
    Run,
    changed_keys,
    checkpoint_inputs,
    divergence,
    is_complete,
    machines,
    recorded_inputs,
    run_inputs,
)
from replication.pipeline.verify.differences import Difference, differences
from replication.pipeline.verify.records import Record, is_recorded
from replication.report.schema import RunFile
from replication.study import paths

IDENTICAL, WITHIN, DIFFERENT = "identical", "within tolerance", "different"
NOT_COMPARED = "not compared"
# Of times and origins, and made of files that are compared themselves.
_UNCOMPARED = ("run.json", "REPORT.md", "tables", "figures")


@dataclass(frozen=True)
class Judgement:
    """differences: in its outputs; why: their causes, as far as was recorded, in words."""

    stage: str
    verdict: str
    differences: tuple[Difference, ...] = ()
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sides:
    """What is compared: a study as it is recorded, and its rerun.

    project     the recorded study's folder, where large outputs are if they are anywhere
    recorded    a folder with the recorded `reports/`
    rerun       the folder of the rerun
    before, after   what DVC recorded of the stages of either, by name
    machine     what a run.json would say of the machine of the rerun
    """

    project: Path
    recorded: Path
    rerun: Path
    before: Mapping[str, Record]
    after: Mapping[str, Record]
    machine: Mapping[str, Any]


def judge(sides: Sides, stages: Sequence[str]) -> list[Judgement]:
    """A judgement for each of `stages`, which stand in the order of the pipeline."""
    made = {path: name for name in stages for path in sides.after[name].outs}
    made.pop(paths.SOURCE.parent.as_posix(), None)  # a link: what it leads to no stage makes
    changed: set[str] = set()  # stages whose inputs, or those of a stage before, are others
    found: dict[str, Judgement] = {}
    for name in stages:
        one, other = sides.before[name], sides.after[name]
        pair = _runs(sides, other)
        read = _read_from(one, other, made)
        inputs = _inputs(sides, one, other, pair, read)
        stale = [path for path in read if _is_stale(path, made, found)]
        if stale:
            inputs["outputs of stages before"] = f"it had read other bytes of {', '.join(stale)}"
        if inputs or changed.intersection(other.upstream):
            changed.add(name)
        machine = machines(*(pair or (next(_recorded_runs(sides.recorded), {}), sides.machine)))
        if reason := _reason_not_to_compare(sides, one, other, pair):
            found[name] = Judgement(name, NOT_COMPARED, why=(reason,))
            continue
        differing, compared = _differences(sides, one, other)
        verdict = _verdict(differing, compared, bool(machine) and name not in changed)
        why = [f"{kind}: {what}" for kind, what in inputs.items()]
        if differing:
            sources = {stage for makers in read.values() for stage in makers}
            before = [stage for stage in stages if stage in sources and found[stage].differences]
            why += [f"it reads what `{stage}` makes, which differs" for stage in before]
            why += [f"machine: {', '.join(machine)}"] if machine else []
            why += _hints(sides, one, pair, differing)
            if not (inputs or before or machine):
                why.append("nothing that is recorded of what it came from differs")
        found[name] = Judgement(name, verdict, tuple(differing), tuple(why))
    return list(found.values())


def _read_from(one: Record, other: Record, made: Mapping[str, str]) -> dict[str, list[str]]:
    """Dependencies that are not the recorded ones and that stages make -> these stages."""
    found = {}
    for path in changed_keys(one.deps, other.deps) if one.recorded else ():
        makers = [
            stage for out, stage in made.items()
            if out == path or out.startswith(f"{path}/") or path.startswith(f"{out}/")
        ]  # fmt: skip
        if makers:
            found[path] = list(dict.fromkeys(makers))
    return found


def _is_stale(path: str, made: Mapping[str, str], found: Mapping[str, Judgement]) -> bool:
    """Whether a stage had read other bytes of an output than those that are recorded of it.

    What lies under reports/ holds times as well, and is another file each time.
    """
    in_reports = path.startswith(f"{paths.REPORTS}/")
    return path in made and not in_reports and not found[made[path]].differences


def overall(judgements: Sequence[Judgement]) -> tuple[str, Judgement | None]:
    """The verdict on all stages, and the first one that has it if it is not `identical`."""
    for verdict in (DIFFERENT, WITHIN):
        first = next((j for j in judgements if j.verdict == verdict), None)
        if first:
            return verdict, first
    compared = any(judgement.verdict == IDENTICAL for judgement in judgements)
    return (IDENTICAL if compared else NOT_COMPARED), None


def _verdict(differing: Sequence[Difference], compared: int, excused: bool) -> str:
    """excused: the machine is another one, the inputs are the same."""
    if not differing:
        return IDENTICAL
    sizes = {difference.small for difference in differing}
    if not excused or False in sizes:
        return DIFFERENT
    # What cannot be told of one output, the stage's other outputs tell.
    return WITHIN if True in sizes or compared > len(differing) else NOT_COMPARED


def _reason_not_to_compare(
    sides: Sides, one: Record, other: Record, pair: tuple[Run, Run] | None
) -> str | None:
    results = _outputs(sides, other)
    if not results:
        return "made of results that are compared themselves"
    if not one.recorded and not any((sides.recorded / path).exists() for path in results):
        return f"no run of it is recorded; run `dvc repro {one.name}`"
    if pair and not pair[1]["params"]["protocol"]["seeded"]:
        return "its protocol sets no seed (D11)"
    return None


# ---------------------------------------------------------------- outputs


def _differences(sides: Sides, one: Record, other: Record) -> tuple[list[Difference], int]:
    """What differs in a stage's outputs, and how many were compared."""
    found: list[Difference] = []
    compared = 0
    for path in _outputs(sides, other):
        if path.startswith(f"{paths.REPORTS}/"):
            found += differences(path, sides.recorded / path, sides.rerun / path)
        elif (digest := one.outs.get(path)) is None:
            continue
        # What lies in cache/ says what was asked and what code ran: causes, and no results.
        elif digest != other.outs[path] and not path.startswith("cache/"):
            found += _of_large(sides, path, digest)
        compared += 1
    return found, compared


def _outputs(sides: Sides, record: Record) -> list[str]:
    """Outputs that are compared; of a folder under reports/ its files, one by one."""
    found = []
    for path in record.outs:
        folders = [side / path for side in (sides.recorded, sides.rerun)]
        if path.endswith(_UNCOMPARED) or not path.startswith(f"{paths.REPORTS}/"):
            found.append(path)
        elif any(folder.is_dir() for folder in folders):
            names = {f.name for folder in folders for f in files_in(folder)}
            found += [f"{path}/{name}" for name in sorted(names)]
        else:
            found.append(path)
    return [path for path in found if not path.endswith(_UNCOMPARED)]


def _of_large(sides: Sides, path: str, digest: str) -> list[Difference]:
    """What differs in an output that is not in git: its recorded bytes may not be here."""
    if is_recorded(sides.project, path, digest):
        return differences(path, sides.project / path, sides.rerun / path)
    return [Difference(path, None, "other bytes; the recorded ones are not here to compare with")]


# ---------------------------------------------------------------- causes


def _inputs(
    sides: Sides,
    one: Record,
    other: Record,
    pair: tuple[Run, Run] | None,
    read: Collection[str],
) -> dict[str, str]:
    """Inputs that are not the recorded ones: kind -> what. read: paths that stages before make."""
    found: dict[str, str] = {}
    # Where run.json has it all, it names the files of the code that were run, dvc.lock folders.
    if one.recorded and not (pair and is_complete(pair[0])):
        found |= recorded_inputs(one, other, read)
    if pair:
        found |= run_inputs(*pair)
    for path in other.outs:
        if Path(path).parent == paths.CHECKPOINTS and one.outs.get(path) != other.outs[path]:
            origin = json.loads((sides.rerun / path / "source.json").read_bytes())
            origins = _recorded_origins(sides, path, one.outs.get(path))
            files = [file for known in origins for file in checkpoint_inputs(known, origin)]
            if files:
                found["checkpoint"] = ", ".join(dict.fromkeys(files))
    return found


def _hints(
    sides: Sides, one: Record, pair: tuple[Run, Run] | None, differing: Sequence[Difference]
) -> list[str]:
    found = [
        f"{difference.path} is not the file that dvc.lock records"
        for difference in differing
        if not _is_as_recorded(sides.recorded, one, difference.path)
    ]
    if pair and (parted := divergence(*pair)):
        found.append(parted)
    if pair and not is_complete(pair[0]):
        found.append("the recorded run.json is of an earlier version, which recorded less")
    return found


def _is_as_recorded(folder: Path, record: Record, path: str) -> bool:
    """Whether a file has the bytes that dvc.lock records, by itself or by its folder's listing."""
    parent = Path(path).parent.as_posix()
    if not (folder / path).is_file():
        return True
    if digest := record.outs.get(path):
        return digest == md5(folder / path)
    if digest := record.outs.get(parent):
        files = files_in(folder / parent)
        listing = json.dumps([{"md5": md5(f), "relpath": f.name} for f in files])
        return digest == f"{hashlib.md5(listing.encode()).hexdigest()}.dir"
    return True


def _runs(sides: Sides, other: Record) -> tuple[Run, Run] | None:
    """run.json of the recorded run and of the rerun, where the stage writes one and both exist."""
    for out in other.outs:
        path = out if out.endswith("/run.json") else f"{out}/run.json"
        if (sides.recorded / path).is_file():
            return _read_run(sides.recorded / path), _read_run(sides.rerun / path)
    return None


def _recorded_origins(sides: Sides, path: str, digest: str | None) -> list[Mapping[str, Any]]:
    """What source.json said of a checkpoint: on disk if it is still the recorded one, else as the
    runs that read it tell."""
    if digest and is_recorded(sides.project, path, digest):
        return [json.loads((sides.project / path / "source.json").read_bytes())]
    known = (run["checkpoint"] for run in _recorded_runs(sides.recorded))
    return [origin for origin in known if origin["encoder"] == Path(path).name]


def recorded_threads(folder: Path) -> int | None:
    """Threads of the recorded runs in a folder with `reports/`; None: unknown, or they differ."""
    found = {run.get("computing", {}).get("threads") for run in _recorded_runs(folder)}
    return found.pop() if len(found) == 1 else None


def _recorded_runs(folder: Path) -> Iterator[Run]:
    for kind in (paths.RUNS, paths.EXPERIMENT):
        for path in files_below(folder / kind, "run.json"):
            yield _read_run(path)


def _read_run(path: Path) -> Run:
    file = read_file(path, RunFile)
    if file.content is None:
        raise StudyError(f"{file.problem or f'{path}: no such file'}; run `dvc repro` again")
    return file.content
