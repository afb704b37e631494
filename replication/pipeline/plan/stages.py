"""The stages of a study as DVC has them, and what each is expected to take."""

import functools
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replication.files.errors import StudyError
from replication.files.listing import files_in
from replication.mind.releases import load_pins
from replication.paper.cells import every_run
from replication.pipeline.plan.calibration import Calibration
from replication.report.estimate import (
    Estimate,
    adapting,
    checkpoint_bytes,
    embedding,
    training,
)
from replication.report.expected import shape_of, starting
from replication.report.machines import Host, Machine
from replication.report.shape import Shape
from replication.study import paths
from replication.study.checks import require
from replication.study.compose import compose
from replication.study.encoders import Encoder
from replication.study.params import Params, grid_cell, load_params
from replication.study.registry import SOURCES
from replication.study.starts import start_name, starts

CONF = paths.PROTOCOLS.parent
UNZIPPED = 2.5  # times a zip of MIND: MIND-small's tables over its zips
RESULT = 150  # bytes of an impression's metrics and scores, in the demo's files


@dataclass(frozen=True)
class Stage:
    """One stage of dvc.yaml and what it takes, or a start that runs share.

    needs   those that must have ended
    parts   seconds by what takes them
    basis   measured, calibrated (an estimate scaled by measured runs of its kind), estimated, or
            `start-up` where nothing else is known of it
    memory  bytes on the device
    files   bytes on disk by what is kept there; stages may share it
    """

    name: str
    needs: tuple[str, ...]
    parts: dict[str, float]
    basis: str
    memory: float
    files: dict[str, float]

    @property
    def seconds(self) -> float:
        return sum(self.parts.values())

    @property
    def disk(self) -> float:
        return sum(self.files.values())

    @property
    def group(self) -> str:
        """What kind of stage it is."""
        return self.name.partition("@")[0]


@dataclass(frozen=True)
class Work:
    """What a stage does: estimates by the kind of their work, and what it leaves on disk.

    trains  whether these are runs of recommenders
    folder  of its report, where it has one
    begins  the start, or the run that leaves it, from which its training begins
    inside  whether it is done inside of another stage, and needs no process of its own
    """

    estimates: tuple[tuple[str, Estimate], ...]
    files: dict[str, float]
    trains: bool = False
    folder: str | None = None
    begins: str | None = None
    inside: bool = False


def study(
    profile: str | None, beyond: str | None = None
) -> tuple[Params, dict[str, tuple[str, ...]]]:
    """The parameters of a profile and of a study beyond the paper (None: the default of conf/; of
    both, params.yaml as it is) and, of each stage of dvc.yaml under them, the stages that it needs.
    Nothing of the project is changed, no data are looked at.

    Errors: `StudyError` where there is no such profile or study, conf/ cannot be composed, or DVC
    cannot read dvc.yaml.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _compose({"profile": profile, "study": beyond}, folder / paths.PARAMS)
        params = load_params(folder / paths.PARAMS)
        content = (folder / paths.PARAMS).read_bytes()
    return params, dict(_graph(content, Path("dvc.yaml").read_bytes()))


def _compose(chosen: Mapping[str, str | None], path: Path) -> None:
    """chosen: a file of some groups of conf/, by the group's name."""
    said = {group: name for group, name in chosen.items() if name is not None}
    if not said:
        shutil.copyfile(paths.PARAMS, path)
        return
    for group, name in said.items():
        require(group, name, [f.stem for f in files_in(CONF / group, "*.yaml")], "the command line")
    compose([f"{group}={name}" for group, name in said.items()], path)


@functools.lru_cache(maxsize=8)
def _graph(params: bytes, pipeline: bytes) -> Mapping[str, tuple[str, ...]]:
    """Of the content of params.yaml and dvc.yaml, once: DVC takes a second or two for it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / paths.PARAMS).write_bytes(params)
        (folder / "dvc.yaml").write_bytes(pipeline)
        return _graph_in(folder)


def _graph_in(folder: Path) -> dict[str, tuple[str, ...]]:
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text("[core]\n    no_scm = true\n", encoding="utf-8")

    def name(stage: Any) -> str:
        return stage.addressing.rpartition(":")[2]

    try:
        with Repo(str(folder)) as repo:
            graph = repo.index.graph  # from a stage to those that it needs
            return {name(stage): tuple(map(name, graph.successors(stage))) for stage in graph}
    except DvcException as error:
        raise StudyError(f"dvc.yaml: DVC cannot read it: {' '.join(str(error).split())}") from None


def planned(
    params: Params,
    graph: dict[str, tuple[str, ...]],
    found: dict[str, Work],
    known: Calibration,
    host: Host,
) -> list[Stage]:
    """What each stage of a graph takes; found: `works`, known: measured runs of others.

    A start stands before the first run that begins from it, and needs what that run needs: whoever
    comes first makes it, and all others wait for it.
    """
    stages: dict[str, Stage] = {}
    for name, needs in graph.items():
        work = found.get(name)
        begins = work.begins if work else None
        if begins is not None and begins not in {*graph, *stages}:
            stages[begins] = _stage(params, begins, needs, found[begins], known, host)
        own = needs if begins is None else (*needs, begins)
        stages[name] = _stage(params, name, own, work, known, host)
    return list(stages.values())


def _stage(
    params: Params,
    name: str,
    needs: tuple[str, ...],
    work: Work | None,
    known: Calibration,
    host: Host,
) -> Stage:
    start = {"start of stages": host.stage_s}
    if work is None:
        return Stage(name, needs, start, "start-up", 0.0, {})
    if work.inside:
        start = {}
    kinds = [kind for kind, _ in work.estimates]
    parts = predicted(work, known)
    memory = max((estimate.memory for _, estimate in work.estimates), default=0.0)
    basis = "calibrated" if all(map(known.of, kinds)) else "estimated"
    run = known.measured(work.folder, params.profile) if work.folder else None
    if run is not None:
        scale = run.seconds / sum(parts.values())
        parts = {part: scale * seconds for part, seconds in parts.items()}
        memory, basis = run.memory, "measured"
    return Stage(name, needs, start | parts, basis, memory, work.files)


def predicted(work: Work, known: Calibration) -> dict[str, float]:
    """Seconds of a stage's work by what takes them, scaled by what is known of each kind.

    Of several runs in one process, the later ones find libraries and vectors loaded: what a run
    takes beside its work counts once.
    """
    parts: defaultdict[str, float] = defaultdict(float)
    for kind, estimate in work.estimates:
        for part, seconds in estimate.parts.items():
            parts[part] += known.factor(kind) * seconds
    if work.trains:
        parts["start of runs"] = max(known.besides(kind) for kind, _ in work.estimates)
    return dict(parts)


def works(
    params: Params, machine: Machine, host: Host, devices: int = 1
) -> Iterator[tuple[str, Work]]:
    """What stages do, by name, and the starts from which their training begins; stages of which
    nothing is known beside their start are left out.

    Errors: `StudyError` where the size of the data is not known.
    """
    shape = shape_of(params)
    yield from _data(params, shape, host)
    for name, encoder in params.encoders.items():
        yield f"checkpoint@{name}", _checkpoint(name, encoder, host)
    for name in params.registry:
        estimate = embedding(params, name, shape, machine, devices)
        stage = "embed-adapted" if name in params.adapters else "embed"
        files = {f"embeddings/{name}": estimate.disk}
        yield f"{stage}@{name}", Work((("embed", estimate),), files)
    for name in params.adapters:
        estimate = adapting(params, name, machine)
        yield f"adapt@{name}", Work((("adapt", estimate),), {}, folder=f"adapters/{name}")
    yield from _runs(params, shape, machine)
    for name in params.audit.pairs:
        yield f"audit@{name}", _audit(params, name, shape, machine)


def _runs(params: Params, shape: Shape, machine: Machine) -> Iterator[tuple[str, Work]]:
    runs = [("experiment", "experiment", params), *cells(params)]
    begun: dict[str | None, str | None] = {
        start_name(cell): name for name, _, cell in runs if cell.tuning == "frozen"
    }
    begun[None] = None
    for start, frozen in starts(cell for *_, cell in runs).items():
        begun[start] = name = f"start@{start}"
        yield name, Work((starting(frozen, shape, machine),), {}, inside=True)
    for name, folder, cell in runs:
        begins = begun[start_name(cell)] if cell.tuning == "finetuned" else None
        yield name, _run(cell, folder, begins, shape, machine)


def cells(params: Params) -> Iterator[tuple[str, str, Params]]:
    """Every run of grid, sweep and parts: its stage, its folder under `reports/`, itself."""
    every = {cell.name: cell for cell in every_run(params)}
    for cell in every.values():  # the grid's own depth is one of the sweep's
        encoder, tuning = (cell.adapter, "frozen") if cell.adapter else (cell.encoder, cell.tuning)
        of = cell.recommender, encoder, tuning, cell.protocol, cell.seed, cell.layers, cell.part
        yield cell.command.removeprefix("dvc repro "), cell.name, grid_cell(params, *of)


def _data(params: Params, shape: Shape, host: Host) -> Iterator[tuple[str, Work]]:
    release = params.data.release
    if release is not None:
        pins = load_pins()
        size = sum(pins.split(*zipped).hub.bytes for zipped in pins.zips(release))
        files = {"data/raw": (1 + UNZIPPED) * size}
        yield "data", _processor(files, downloads=size / (host.download_gb * 1e9))
    impressions = shape.impressions + shape.test_impressions
    yield "prepare", _processor({}, preparing=impressions / host.prepared)


def _processor(files: dict[str, float], **parts: float) -> Work:
    """Work that no device does."""
    return Work((("processor", Estimate(0.0, parts, 0.0, 0.0)),), files)


def _checkpoint(name: str, encoder: Encoder, host: Host) -> Work:
    size = checkpoint_bytes(encoder)
    files = {f"checkpoints/{name}": size}
    fetched = size if SOURCES[encoder.source].fetched else 0.0
    return _processor(files, downloads=fetched / (host.download_gb * 1e9))


def _run(cell: Params, folder: str, begins: str | None, shape: Shape, machine: Machine) -> Work:
    estimate = training(cell, shape, machine)
    depth = f" above {cell.cut}" if cell.schedule_name == "tuned_layers" else ""
    states = f"states of {cell.encoder} {cell.tuning} {cell.protocol.name}{depth}"
    files = {f"runs/{folder}": float(RESULT * shape.test_impressions)}
    if estimate.disk:
        files[states] = estimate.disk
    return Work(((cell.schedule_name, estimate),), files, True, folder, begins)


def _audit(params: Params, name: str, shape: Shape, machine: Machine) -> Work:
    from replication.experiment.flips import audit_runs

    runs = [o.cell for o in audit_runs(params, name) if not (o.untouched or o.again)]
    found = [starting(frozen, shape, machine) for frozen in starts(runs).values()]
    found += [(cell.schedule_name, training(cell, shape, machine, told=False)) for cell in runs]
    return Work(tuple(found), {}, True)
