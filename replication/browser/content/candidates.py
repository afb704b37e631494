"""The runs that can be compared, and which two where none is chosen."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from replication.browser.reading.runs import KINDS, READY, Run, State, made_run, placed
from replication.browser.words import signed
from replication.browser.workspace.experiments import FILES, Experiment
from replication.files.readable import File, parse

_parsed = lru_cache(maxsize=4096)(parse)  # an experiment's files do not change


@dataclass(frozen=True)
class Candidate:
    """A run that can be chosen; `key` is its name in a link.

    experiment  where it is DVC's, that one
    """

    key: str
    run: Run
    experiment: Experiment | None = None

    @property
    def state(self) -> State:
        return self.run.state()

    @property
    def label(self) -> str:
        """`experiment (nrms-minilm-finetuned)`, `↺ stale: nrms-minilm-frozen-clean-s1`."""
        cell, word = self.run.cell, self.state.word
        label = self.key
        if not cell.name.startswith("runs/"):
            label += f" ({cell.recommender}-{cell.encoder}-{cell.tuning})"
        return label if word == READY else f"{signed(word)}: {label}"

    @property
    def place(self) -> str:
        """Such as `nrms, minilm, finetuned k2, clean, seed 1`."""
        cell = self.run.cell
        if cell.recommender == "unknown":
            return "unknown experiment: it has no readable run.json"
        tuning = cell.tuning if cell.layers is None else f"{cell.tuning} k{cell.layers}"
        encoder = cell.adapter or cell.encoder
        parts = [cell.recommender, encoder, tuning, cell.protocol, f"seed {cell.seed}"]
        return ", ".join(parts)


def candidates(runs: Iterable[Run], experiments: Iterable[Experiment]) -> dict[str, Candidate]:
    """By key: runs of the study under their names, DVC's experiments as `exp:NAME`.

    Of several with one name the first has it alone, the others have their folder or their commit
    with it.
    """
    found: dict[str, Candidate] = {}
    for run in runs:
        key = run.cell.name if run.name in found else run.name
        found.setdefault(key, Candidate(key, run))
    for experiment in experiments:
        key = f"exp:{experiment.name}"
        key = f"{key}@{experiment.commit[:10]}" if key in found else key
        found.setdefault(key, Candidate(key, _run_of(experiment), experiment))
    return found


def _run_of(experiment: Experiment) -> Run:
    files: dict[str, File] = {}
    for name, kind in KINDS.items():
        inside = FILES[f"{name}.json"]
        path = Path(f"{experiment.commit[:10]}:{inside}")  # as `git show` takes it
        text = experiment.files.get(f"{name}.json")
        missing: File = File(path, problem=f"{path}: the experiment's commit has no such file")
        files[name] = missing if text is None else _parsed(path, text, kind)
    cell = placed(f"experiments/{experiment.name}", experiment.restore, files["run"].content)
    return made_run(cell, files)


def default_pair(
    known: Mapping[str, Candidate], a: str | None = None, b: str | None = None
) -> tuple[str | None, str | None]:
    """Two keys, `a` and `b` where they are given.

    What is open becomes the other half of a frozen and a fine-tuned run of one recommender and
    encoder; else a run that has metrics; else any other. None where there is none.
    """
    twins = sorted(_twins(known.values()), key=lambda pair: any(_lateness(c) for c in pair))
    for pair in twins:
        for first, second in ([c.key for c in pair], [c.key for c in reversed(pair)]):
            if a in (None, first) and b in (None, second):
                return first, second
    ranked = sorted(known, key=lambda key: _lateness(known[key]))
    one = a or next((key for key in ranked if key != b), None)
    return one, b or next((key for key in ranked if key != one), None)


def _twins(known: Iterable[Candidate]) -> list[tuple[Candidate, Candidate]]:
    """Frozen and fine-tuned runs of the grid that differ in nothing else, in reading order."""
    tuned: dict[tuple, Candidate] = {}
    frozen: dict[tuple, Candidate] = {}
    for candidate in known:
        cell = candidate.run.cell
        if cell.name.startswith("runs/") and not cell.command.startswith("dvc repro sweep@"):
            half = frozen if cell.tuning == "frozen" else tuned
            place = cell.recommender, cell.encoder, cell.protocol, cell.seed
            half.setdefault(place, candidate)
    return [(first, tuned[place]) for place, first in frozen.items() if place in tuned]


def _lateness(candidate: Candidate) -> int:
    """0 for a run that is ready, 1 for one that has metrics at least."""
    if candidate.state.word == READY:
        return 0
    return 1 if candidate.run.cell.metrics is not None else 2
