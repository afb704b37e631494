"""What the making of vectors takes, so that it is booked to every run that reads them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from replication.files.atomic import write_json, write_text
from replication.files.documents import read_json
from replication.files.errors import StudyError
from replication.machine import environment, memory, processes
from replication.study import paths

MADE = "made.json"  # beside cached states


@dataclass
class Making:
    """Of this process, up to now.

    operations  counted, of the vectors that it made
    earlier     seconds that processes of before, which were cut off, had spent on them
    elsewhere   seconds in which it made what other runs read too (states, starts), waited for
                another to make it, or counted
    within      so many times is it at such work now, one inside the other
    """

    operations: float = 0.0
    earlier: float = 0.0
    elsewhere: float = 0.0
    within: int = 0


making = Making()


@contextmanager
def booked_elsewhere() -> Iterator[None]:
    """What is done within is no cost of the run at hand alone."""
    started = perf_counter()
    making.within += 1
    try:
        yield
    finally:
        making.within -= 1
        if not making.within:
            making.elsewhere += perf_counter() - started


class Record:
    """How far vectors are that were being made, and the seconds spent on them; kept in a file.

    path: None keeps nothing.
    """

    def __init__(self, path: Path | None):
        self._path = path if processes.is_first() else None
        self._clock = perf_counter()
        self.articles, self._spent = 0, 0.0
        if self._path and self._path.exists():
            articles, spent = self._path.read_text(encoding="utf-8").split()
            self.articles, self._spent = int(articles), float(spent)
        making.earlier += self._spent

    def save(self, articles: int) -> None:
        """So many articles are done."""
        if self._path:
            seconds = self._spent + perf_counter() - self._clock
            write_text(self._path, f"{articles} {seconds:.2f}")


@contextmanager
def taken(articles: int) -> Iterator[dict[str, Any]]:
    """What the work within takes, in the mapping that is given, at its end."""
    operations, earlier, started = making.operations, making.earlier, perf_counter()
    found: dict[str, Any] = {"articles": articles}
    yield found
    seconds = perf_counter() - started + making.earlier - earlier
    found |= {
        "seconds": round(seconds, 2),
        "operations": making.operations - operations,
        "processes": processes.count(),
    }


def save_embedding_cost(name: str, found: dict[str, Any]) -> None:
    """Write reports/embeddings/<name>.json: what stage `embed` took, as `taken` has it."""
    if processes.is_first():
        ran_on = memory.peak_memory() | {"hardware": environment.hardware()}
        write_json(paths.EMBEDDING_COSTS / f"{name}.json", found | ran_on)


def states_cost(folders: set[Path]) -> dict[str, float | None]:
    """Device seconds and operations of the cached states in these folders, whoever made them; None
    where it is not known of one."""
    records = []
    for folder in folders:
        try:
            records.append(read_json(folder / MADE))
        except StudyError:  # of a version before, or damaged
            return {"states_seconds": None, "states_operations": None}
    return {
        "states_seconds": round(sum(r["seconds"] * r["processes"] for r in records), 2),
        "states_operations": float(sum(r["operations"] for r in records)),
    }
