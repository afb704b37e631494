"""What if I rerun: which runs are possible, the command of one, and what to expect of it.

Nothing is run, nothing is written, and DVC is not asked.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from replication.files.documents import read_yaml
from replication.files.errors import StudyError
from replication.files.listing import files_below
from replication.paper.cells import Cell, grid_cells, sweep_cells
from replication.paper.models import TUNINGS
from replication.report.estimate import adapting, embedding, training
from replication.report.expected import GIB, duration, machine_of, mean_cost, shape_of, starting
from replication.report.names import encoder_name
from replication.study import paths
from replication.study.checks import known_protocols, require
from replication.study.overrides import overrides, run_line
from replication.study.params import Params, as_mapping, grid_cell
from replication.study.registry import FAMILIES, RECOMMENDERS
from replication.study.starts import starts

_CONF = paths.PROTOCOLS.parent
# Parameters in which the runs of one experiment agree, whatever their seed. `training` is not among
# them: a run that searched its rates writes down those that it chose.
_SAME = (
    "profile", "data", "recommender", "encoder", "tuning", "protocol", "text", "history", "model",
)  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """One run; its protocol is a group of conf/protocol.

    layers  fine-tuned transformer layers, not read where `depths` is empty; None: the encoder's own
    """

    recommender: str
    encoder: str
    tuning: str
    protocol: str
    seed: int
    layers: int | None = None


@dataclass(frozen=True)
class Cost:
    """What runs take, None where unknown; `reason` says in one line whence, or why not.

    memory_bytes  measured: of the accelerator, or of the process where there is none; estimated: of
                  what is trained alone
    basis  measured: mean seconds and greatest memory of `runs` runs that differ in their seed
           alone; estimated: by arithmetic, for an assumed machine
    """

    seconds: float | None
    memory_bytes: float | None
    basis: Literal["measured", "estimated"] | None
    reason: str
    runs: int = 0

    @property
    def text(self) -> str:
        """Such as `8.6 s, 1.6 GiB`; a tilde marks what is estimated."""
        if self.seconds is None or self.memory_bytes is None:
            return "unknown"
        about = "~" if self.basis == "estimated" else ""
        return f"{about}{duration(self.seconds)}, {about}{self.memory_bytes / GIB:.2g} GiB"


def at_hand(params: Params) -> Choice:
    """The run that params.yaml describes; of its protocol, the group."""
    names = params.recommender, params.encoder, params.tuning, params.protocol.name
    depth = params.finetune_layers if depths(params, params.encoder, params.tuning) else None
    return Choice(*names, params.seed, depth)


def options(params: Params) -> dict[str, tuple[str, ...]]:
    """The names to choose from by field of `Choice`; an adapter is an encoder of its own."""
    return {
        "recommender": tuple(RECOMMENDERS),
        "encoder": tuple(params.registry),
        "tuning": TUNINGS,
        "protocol": tuple(known_protocols()),
    }


def depths(params: Params, encoder: str, tuning: str) -> range:
    """How many layers can be fine-tuned; empty where none can be, and `no_depth` says why."""
    entry = params.registry.get(encoder)
    if entry is None or tuning != "finetuned":
        return range(0)
    family = FAMILIES[entry.family]
    if not family.trains_layers or family.by_lora:  # LoRA is no depth that a choice has
        return range(0)
    return range(entry.layers + 1)


def no_depth(params: Params, encoder: str, tuning: str) -> str | None:
    """Why there is no depth to choose, in one line; None where there is one."""
    if depths(params, encoder, tuning):
        return None
    entry = params.registry.get(encoder)
    if entry is not None and not FAMILIES[entry.family].layer:
        return f"{encoder_name(encoder)}: a table of word vectors, which has no layers"
    return f"no layer of {encoder_name(encoder)} is fine-tuned"


def refusal(params: Params, choice: Choice) -> str | None:
    """Why this choice cannot be run, in one line; None where it can."""
    try:
        _cell(params, choice)
    except StudyError as error:
        return str(error).removeprefix("the command line: ")
    return None


def command(params: Params, choice: Choice) -> str | None:
    """The `dvc exp run` line of a choice, as a shell takes it; all else stays as in params.yaml.

    It names what conf/ would otherwise be composed to, which is what differs from params.yaml as it
    is committed. None where the choice is refused, or where conf/ or params.yaml is damaged.
    """
    try:
        cell = _cell(params, choice)
        found = overrides_with(
            recommender=cell.recommender,
            encoder=cell.encoder,
            tuning=cell.tuning,
            finetune_layers=cell.finetune_layers,
            protocol=as_mapping(cell.protocol),
            seed=cell.seed,
        )
    except (StudyError, OSError, TypeError):  # TypeError: a list where a mapping belongs
        return None
    if found is None:
        return None
    if not depths(params, choice.encoder, choice.tuning):  # such a run does not read it
        found = tuple(item for item in found if not item.startswith("finetune_layers="))
    return run_line(found)


def overrides_with(**changes: Any) -> tuple[str, ...] | None:
    """The overrides that compose params.yaml, with other values of some top-level keys, from conf/;
    None as for `overrides`. Errors: `StudyError`, `OSError` where a file cannot be read."""
    wanted = read_yaml(paths.PARAMS) | changes
    files = files_below(_CONF, "*.yaml")
    conf = {f.relative_to(_CONF).with_suffix("").as_posix(): f.read_bytes() for f in files}
    return overrides(json.dumps(wanted, ensure_ascii=False).encode(), conf)  # JSON is YAML


def in_study(params: Params, choice: Choice) -> Cell | None:
    """The run of the grid or of the sweep that a choice is: its `command` makes it there."""
    if refusal(params, choice):
        return None
    wanted = at_hand(_cell(params, choice))
    cells = [*grid_cells(params), *sweep_cells(params)]
    return next((found for found in cells if _choice(found) == wanted), None)


def expected_cost(
    params: Params, choice: Choice, runs: Iterable[tuple[dict[str, Any], dict[str, Any]]]
) -> Cost:
    """What one run of a choice takes: measured where it, or another seed of it, has been run.

    runs  run.json and cost.json of every finished run, of any experiment
    An estimate includes the encoder's vectors and adapter where they are not there yet.
    """
    if reason := refusal(params, choice):
        return Cost(None, None, None, reason)
    cell = _cell(params, choice)
    tuned = depths(params, choice.encoder, choice.tuning)
    keys = (*_SAME, "finetune_layers") if tuned else _SAME
    described = as_mapping(cell)
    wanted = {key: described[key] for key in keys}
    alike = [
        (run, cost)
        for run, cost in runs
        if _agrees(run.get("params"), wanted)
        and run["params"].get("tuned_parts", "top") == "top"  # as every choice has it
    ]
    if found := mean_cost(cost for _, cost in alike):
        seconds, memory, count = found
        machines = "; ".join(sorted({_machine(run.get("hardware")) for run, _ in alike}))
        reason = f"{count} run{'s' if count > 1 else ''} on {machines}"
        return Cost(seconds, memory, "measured", reason, count)
    return _estimated(params, [cell])


def study_cost(params: Params, runs: Sequence[Cell] | None = None) -> Cost:
    """Estimated seconds of runs one after another, and the memory of the largest.

    runs  those that are still to be made; None: those of the whole grid and sweep
    Vectors and adapters that are not there yet are included; the audit is not.
    """
    everything = [*grid_cells(params), *sweep_cells(params)] if runs is None else runs
    # The grid's own depth is one of the sweep as well.
    choices = dict.fromkeys(_choice(cell) for cell in everything)
    try:
        return _estimated(params, [_cell(params, choice) for choice in choices])
    except StudyError as error:  # the grid holds what cannot be run
        return Cost(None, None, None, str(error))


def _estimated(params: Params, cells: Sequence[Params]) -> Cost:
    try:
        shape, machine = shape_of(params), machine_of(params)
    except (StudyError, OSError) as error:
        return Cost(None, None, None, str(error))
    begun = starts(cells).values()  # each is trained once
    parts = [starting(frozen, shape, machine)[1] for frozen in begun]
    parts += [training(cell, shape, machine) for cell in cells]
    used = dict.fromkeys(cell.encoder for cell in cells)
    adapters = [e for e in used if e in params.adapters and not (paths.CHECKPOINTS / e).exists()]
    vectors = [e for e in used if not (paths.EMBEDDINGS / e).exists()]
    parts += [adapting(params, name, machine) for name in adapters]
    parts += [embedding(params, name, shape, machine) for name in vectors]
    made = [f"adapter {name}" for name in adapters] + [f"vectors of {name}" for name in vectors]
    reason = f"assumed: {machine.name}; memory of the training alone"
    reason += f"; with {', '.join(made)}" if made else ""
    memory = max((part.memory for part in parts), default=0.0)
    return Cost(sum(part.seconds for part in parts), memory, "estimated", reason)


def _cell(params: Params, choice: Choice) -> Params:
    require("tuning", choice.tuning, TUNINGS, "the command line")
    layers = choice.layers if depths(params, choice.encoder, choice.tuning) else None
    names = choice.recommender, choice.encoder, choice.tuning, choice.protocol
    return grid_cell(params, *names, choice.seed, layers)


def _choice(cell: Cell) -> Choice:
    """A run as params.yaml has it: an adapter is a frozen encoder of its own."""
    encoder, tuning = (cell.adapter, "frozen") if cell.adapter else (cell.encoder, cell.tuning)
    return Choice(cell.recommender, encoder, tuning, cell.protocol, cell.seed, cell.layers)


def _agrees(found: Any, wanted: dict[str, Any]) -> bool:
    return isinstance(found, dict) and all(found.get(key) == wanted[key] for key in wanted)


def _machine(hardware: Any) -> str:
    hardware = hardware if isinstance(hardware, dict) else {}
    processor = f"{hardware.get('processor') or 'unknown'}, {hardware.get('cores') or '?'} cores"
    return str(hardware.get("gpu") or processor)
