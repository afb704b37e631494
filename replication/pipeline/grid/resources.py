"""What to ask of the cluster for each stage: what its runs have taken here, else the estimate."""

import math
from collections.abc import Callable

from replication.files.errors import StudyError
from replication.machine.threads import stated_threads
from replication.pipeline.grid.graph import Stage
from replication.report.expected import GIB, Expected, expected_rows, machine_of
from replication.study.params import Params

MEASURED, ESTIMATED = 1.5, 3.0  # margins of time; docs/planning.md has how far estimates are out
MEMORY = 1.5  # margin of memory
LIBRARIES = 2 * GIB  # which a process takes before it does anything
START = 10  # minutes for what a task does besides: its copy, what it needs from DVC's cache
TIME_STEP, MEMORY_STEP = 30, 4  # minutes and GiB: stages that ask for the same share an array
# The stages that compute, and the kind of their rows in `expected_rows`. Those without are long,
# but not estimated: as much memory as the largest row, time as the partition has it.
_ROWS = {
    "embed": "embed", "embed-adapted": "embed", "adapt": "adapt",
    "grid": "grid", "grid-llm": "grid", "also": "grid", "also-llm": "grid",
    "sweep": "sweep", "parts": "parts",
    "audit": None, "experiment": None,
}  # fmt: skip


def resources(params: Params) -> Callable[[Stage], tuple[str, ...]]:
    """A function from a stage to sbatch's options.

    Stages that are neither estimated nor long ask for no GPU, time or memory: what the partition
    gives by itself will do.
    Errors: `StudyError` where the size of the data is not known yet, see `expected_rows`, and where
    the parameters want several nodes for a stage.
    """
    launch = params.training.launch
    if launch.nodes > 1:
        raise StudyError(
            f"training.launch.nodes: {launch.nodes}: with --slurm a stage has one node; set it to 1"
        )
    rows: dict[tuple[str | None, str], Expected] = {}
    rows |= {(row.kind, row.name): row for row in expected_rows(params)}
    gpu = (f"--gres=gpu:{launch.processes}",) if machine_of(params).gpu is not None else ()
    largest = max(_memory(row) for row in rows.values())
    # Beside a GPU another core builds the batches to come.
    cores = (stated_threads() + bool(gpu)) * launch.processes
    common = (f"--cpus-per-task={cores}",)

    def of(stage: Stage) -> tuple[str, ...]:
        if not computes(stage):
            return common
        row = rows.get(_row_of(stage))
        if row is None:
            return (*common, *gpu, f"--mem={largest}G")
        return (*common, *gpu, f"--time={_minutes(row)}", f"--mem={_memory(row)}G")

    return of


def computes(stage: Stage) -> bool:
    """Whether a stage can use a GPU: none that brings, reads or compares what others make."""
    return stage.name.partition("@")[0] in _ROWS


def _row_of(stage: Stage) -> tuple[str | None, str]:
    kind, _, item = stage.name.partition("@")
    experiment = (stage.run or "").rpartition("-s")[0]  # rows are without seeds
    return _ROWS[kind], experiment or item


def _minutes(row: Expected) -> int:
    margin, seconds = ESTIMATED, row.estimate.seconds
    if row.measured:
        margin, seconds = MEASURED, row.measured[0]
    return _up_to(START + margin * (seconds + row.start) / 60, TIME_STEP)


def _memory(row: Expected) -> int:
    """GiB; an estimate is the accelerator's, through whose host the same bytes go."""
    measured = row.measured[1] if row.measured else 0.0
    return _up_to(MEMORY * max(measured, row.estimate.memory + LIBRARIES) / GIB, MEMORY_STEP)


def _up_to(value: float, step: int) -> int:
    return step * math.ceil(value / step)
