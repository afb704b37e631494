"""What one run took with all that was done for it before, from its records."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replication.paper.cells import Cell, number
from replication.study import paths


@dataclass(frozen=True)
class Record:
    """What a run, an adapter's training or an embedding took, and the file that says it."""

    content: dict[str, Any] | None
    path: Path

    def value(self, key: str) -> float | None:
        """None where it, or the file, is not there: versions before had none."""
        if self.content is None or key not in self.content:
            return None
        return number(self.content, key, self.path)

    @property
    def device_seconds(self) -> float | None:
        """Of all processes together, each of which has a device."""
        seconds = self.value("seconds")
        return None if seconds is None else seconds * (self.value("processes") or 1.0)


def _trainings(cell: Cell) -> list[Record]:
    """The run, and the training of the adapter whose vectors it reads."""
    own = [Record(cell.cost, cell.folder / "cost.json")]
    path = paths.ADAPTERS / f"{cell.adapter}.json"
    return own if cell.adapter is None else [*own, Record(cell.adapter_cost, path)]


def _all_of(cell: Cell) -> list[Record]:
    """`_trainings`, and the embedding of the articles unless the run has said that it reads none of
    it."""
    needed = cell.cost is None or cell.cost.get("reads_embeddings") is not False
    embedding = Record(cell.embedding_cost, paths.EMBEDDING_COSTS / f"{cell.reads}.json")
    return [*_trainings(cell), *([embedding] if needed else [])]


def operations(cell: Cell) -> float | None:
    """Floating-point operations of training a sample, which is a click: of the run, and of the
    adapter where an LLM was fine-tuned before it. None where they were not counted."""
    return total([record.value("operations_a_sample") for record in _trainings(cell)])


def seconds_a_sample(cell: Cell) -> float | None:
    """As `operations`; validations included, which are a part of training."""
    return total([record.value("seconds_a_sample") for record in _trainings(cell)])


def device_seconds(cell: Cell) -> float | None:
    """Seconds of all devices together: of the run, of the states that it reads, of embedding the
    articles, and of the adapter. What several runs read counts in each; None where a part is not
    known."""
    states = Record(cell.cost, cell.folder / "cost.json").value("states_seconds")
    return total([states, *(record.device_seconds for record in _all_of(cell))])


def memory(cell: Cell) -> float | None:
    """MiB at the peak, of the GPU if there is one; of the run or of what was done for it before:
    one frees it before the other takes it."""
    for key in ("peak_gpu_memory_mib", "peak_memory_mib"):
        peaks = [record.value(key) for record in _all_of(cell)]
        if None not in peaks:
            return max(peak for peak in peaks if peak is not None)
    return None


def total(values: Sequence[float | None]) -> float | None:
    """None where one of them is not known."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
