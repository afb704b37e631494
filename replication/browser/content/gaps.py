"""What is missing, incomplete or outdated among the experiments of a page, and how to make it."""

from collections.abc import Iterable, Sequence

from replication.browser.reading.experiments import Experiment
from replication.browser.reading.runs import READY, State
from replication.browser.words import signed


def gaps(states: Iterable[tuple[str, str, State]]) -> list[str]:
    """A line per state that is not `ready`, such as `○ not run: NAML 0, 2; NRMS 3`.

    states: an experiment in two words, such as NAML and 0, and its state.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for name, at, (word, reason) in states:
        if word == READY:
            continue
        # Of what has not been run the reason is a command, which `missing_command` gives at once.
        alone = reason is None or word == "not run" or word.startswith("partial")
        what = signed(word) if alone else f"{signed(word)} ({reason})"
        found.setdefault(what, {}).setdefault(name, []).append(at)
    lines = []
    for what, names in found.items():
        parts = [f"{name} {', '.join(at)}" for name, at in names.items()]
        lines.append(f"{what}: {'; '.join(parts)}")
    return lines


def absent(experiment: Experiment, kind: str = "metrics") -> str:
    """What is said in place of a missing figure: the state, or that the metric is undefined."""
    word = experiment.state(kind).word
    return "undefined" if word in (READY, "stale") else word


def missing_command(experiments: Sequence[Experiment]) -> str | None:
    """One line that runs all that has not been run; None where nothing is missing."""
    cells = [run.cell for p in experiments for run in p.runs if run.state().word == "not run"]
    stages = [cell.command.removeprefix("dvc repro ") for cell in cells]
    return " ".join(["dvc repro", *dict.fromkeys(stages)]) if stages else None
