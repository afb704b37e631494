"""The runs that can be compared, and which two where none is chosen."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from replication.browser.names import run_name
from replication.browser.reading.runs import KINDS, READY, Run, State, described, made_run
from replication.browser.words import signed
from replication.browser.workspace.dvc_experiments import FILES, DvcExperiment
from replication.browser.workspace.leaves import MISSING, change, leaves
from replication.browser.workspace.pipeline import parse_mapping
from replication.files.errors import StudyError
from replication.files.readable import File, parse
from replication.study import paths

_parsed = lru_cache(maxsize=4096)(parse)  # an experiment's files do not change
MAKER = "dvc repro experiment"  # of a DVC experiment's result
# What a run.json takes over from params.yaml as it is. Others it narrows to what the run has read,
# or fills in: a rate that was searched for, the path of the data.
DESCRIBES = (
    "profile", "recommender", "encoder", "tuning", "finetune_layers", "seed", "protocol", "text",
    "history", "model",
)  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """A run that can be chosen; `key` is its name in a link.

    dvc_experiment  where it is one of DVC's, that one
    """

    key: str
    run: Run
    dvc_experiment: DvcExperiment | None = None

    @property
    def state(self) -> State:
        return self.run.state()

    @property
    def label(self) -> str:
        """`NRMS, MiniLM, frozen, clean, seed 1`, `↺ stale: experiment: NRMS, ...`: a run that is no
        part of the study has its name before it."""
        word, label = self.state.word, self.description
        if not self.run.cell.name.startswith("runs/"):
            label = f"{self.key}: {label}"
        return label if word == READY else f"{signed(word)}: {label}"

    @property
    def description(self) -> str:
        """Such as `NRMS, MiniLM, fine-tuned, 2 layers, clean, seed 1`."""
        if self.run.cell.recommender == "unknown":
            return "unknown experiment: it has no readable run.json"
        return run_name(self.run.cell)


def candidates(runs: Iterable[Run], experiments: Iterable[DvcExperiment]) -> dict[str, Candidate]:
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


def _run_of(experiment: DvcExperiment) -> Run:
    """Its run; one that has none of its own is `not run`, described by the parameters it has."""
    name, restore = f"experiments/{experiment.name}", experiment.restore
    params = _params(experiment)
    if reason := _not_its_own(experiment, params):
        nothing: dict[str, File] = {kind: File(Path(FILES[f"{kind}.json"])) for kind in KINDS}
        return made_run(described(name, "", _as_run(params)), nothing, stale=reason)
    files: dict[str, File] = {}
    for name, kind in KINDS.items():
        inside = FILES[f"{name}.json"]
        path = Path(f"{experiment.commit[:10]}:{inside}")  # as `git show` takes it
        text = experiment.files.get(f"{name}.json")
        missing: File = File(path, problem=f"{path}: the experiment's commit has no such file")
        files[name] = missing if text is None else _parsed(path, text, kind)
    return made_run(described(name, restore, files["run"].content), files)


@lru_cache(maxsize=4096)
def _parsed_params(commit: str, text: bytes) -> Mapping[Any, Any]:
    try:
        return parse_mapping(paths.PARAMS, text)
    except StudyError:  # then it cannot be told whether the run is of these parameters
        return {}


def _params(experiment: DvcExperiment) -> Mapping[Any, Any]:
    """Its params.yaml; empty where it has none that can be read."""
    return _parsed_params(experiment.commit, experiment.files.get(paths.PARAMS.name, b""))


def _as_run(params: Mapping[Any, Any]) -> dict[str, Any] | None:
    seed = params.get("seed")
    return {"params": params, "seed": seed} if type(seed) is int else None


def _not_its_own(experiment: DvcExperiment, params: Mapping[Any, Any]) -> str | None:
    """Why what its commit holds is no result of it; None where it is one, or cannot be told."""
    held = experiment.files
    if experiment.inherited:
        why = "its commit holds the run of the commit that it started from"
    elif "run.json" not in held and "metrics.json" not in held and paths.PARAMS.name in held:
        why = "its commit holds no run"
    elif other := _other_parameter(held.get("run.json", b""), params):
        why = f"its commit holds a run of other parameters ({other})"
    else:
        return None
    return (
        f"this DVC experiment has not run the stage `experiment`, which makes its result: {why}; "
        f"`{experiment.restore} && {MAKER}` runs what is not up to date"
    )


def _other_parameter(text: bytes, params: Mapping[Any, Any]) -> str | None:
    """The first parameter in which a run.json differs from params.yaml, such as `seed was 1, is 2`.

    Keys that only one of them has say nothing: run.json holds what the run has read.
    """
    run = _parsed(Path(FILES["run.json"]), text, KINDS["run"]).content
    made_with = run["params"] if run else {}
    try:
        for key in DESCRIBES:
            for at, was, now in leaves(key, made_with.get(key, MISSING), params.get(key, MISSING)):
                if MISSING not in (was, now):
                    return f"{at} {change(was, now)}"
    except RecursionError:  # nested too deep to be compared
        pass
    return None


def default_pair(
    known: Mapping[str, Candidate],
    a: str | None = None,
    b: str | None = None,
    first: tuple[str, str | None] | None = None,
) -> tuple[str | None, str | None]:
    """Two keys, `a` and `b` where they are given.

    What is open becomes the other half of a frozen and a fine-tuned run of one recommender and
    encoder, those of `first` before others; else a run that has metrics; else any other. None
    where there is none.
    """

    def order(pair: tuple[Candidate, Candidate]) -> tuple[bool, bool]:
        cell = pair[0].run.cell
        return any(_lateness(c) for c in pair), (cell.recommender, cell.encoder) != first

    twins = sorted(_twins(known.values()), key=order)
    for pair in twins:
        for one, two in ([c.key for c in pair], [c.key for c in reversed(pair)]):
            if a in (None, one) and b in (None, two):
                return one, two
    ranked = sorted(known, key=lambda key: _lateness(known[key]))
    left = a or next((key for key in ranked if key != b), None)
    return left, b or next((key for key in ranked if key != left), None)


def _twins(known: Iterable[Candidate]) -> list[tuple[Candidate, Candidate]]:
    """Frozen and fine-tuned runs of the grid that differ in nothing else, in reading order."""
    tuned: dict[tuple, Candidate] = {}
    frozen: dict[tuple, Candidate] = {}
    for candidate in known:
        cell = candidate.run.cell
        beside = cell.command.startswith(("dvc repro sweep@", "dvc repro parts@"))
        if cell.name.startswith("runs/") and not beside:
            half = frozen if cell.tuning == "frozen" else tuned
            shared = cell.recommender, cell.encoder, cell.protocol, cell.seed
            half.setdefault(shared, candidate)
    return [(first, tuned[shared]) for shared, first in frozen.items() if shared in tuned]


def _lateness(candidate: Candidate) -> int:
    """0 for a run that is ready, 1 for one that has metrics at least."""
    if candidate.state.word == READY:
        return 0
    return 1 if candidate.run.cell.metrics is not None else 2
