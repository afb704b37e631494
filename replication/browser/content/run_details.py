"""What lies behind an experiment: figures of each seed, parameters, digests, machine, cost."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from replication.browser.content.results_table import Row
from replication.browser.names import run_name
from replication.browser.reading.experiments import Experiment
from replication.browser.reading.runs import READY, Run, adapter_name
from replication.browser.reading.study import Study
from replication.browser.words import signed
from replication.evaluation.metrics import METRICS
from replication.paper.cells import METRIC_NAMES
from replication.report.expected import duration
from replication.report.tables import Field, Number, Table

_UNKNOWN = "unknown"


def seeds_table(experiment: Experiment) -> Table:
    """A row per seed: its state and every metric with its interval."""
    rows: list[list[Field]] = []
    for run in experiment.runs:
        found = run.files["metrics"].content
        word = run.state().word
        numbers = [
            Number(found[metric], found["ci95"][metric]) if found else Number(None, absent=word)
            for metric in METRICS
        ]
        state = "✓ ready" if word == READY else signed(word)
        rows.append([str(run.cell.seed), state, *numbers])
    header = ["seed", "state", *METRIC_NAMES.values()]
    caption = "Every seed, with 95 % intervals over impressions."
    return Table(f"seeds-{experiment.key}", caption, "dvc repro", header, rows, text_columns=2)


def cost_table(study: Study, experiment: Experiment) -> Table:
    """A row per seed, and one for the training of the adapter where the model has one."""
    rows: list[list[Field]] = [
        [f"seed {run.cell.seed}", *_cost(run.files["cost"].content)] for run in experiment.runs
    ]
    names = dict.fromkeys(adapter_name(run, study.adapters) for run in experiment.runs)
    for name in names:
        if name is not None:
            file = study.adapters.get(name)
            rows.append([f"adapter {name}, once", *_cost(file.content if file else None)])
    header = ["what", "parameters", "trained", "time", "memory", "GPU memory"]
    caption = "Time is wall-clock; memory is the greatest of the process."
    return Table(f"cost-{experiment.key}", caption, "dvc repro", header, rows, text_columns=1)


def _cost(found: Mapping[str, Any] | None) -> list[Field]:
    found = found or {}
    seconds = found.get("seconds")
    return [
        Number(found.get("parameters"), form=",d", absent=_UNKNOWN),
        Number(found.get("trainable_parameters"), form=",d", absent=_UNKNOWN),
        _UNKNOWN if seconds is None else duration(seconds),
        _mib(found.get("peak_memory_mib"), _UNKNOWN),
        _mib(found.get("peak_gpu_memory_mib"), "none" if found else _UNKNOWN),
    ]


def _mib(value: float | None, absent: str) -> Number:
    return Number(value, form=",.0f", unit=" MiB", absent=absent)


def parameters_text(run: Run) -> str | None:
    """Every parameter of a run on a line, `training.precision: auto`; None where not known."""
    found = run.files["run"].content
    if found is None:
        return None
    return "\n".join(f"{name}: {value}" for name, value in flattened(found["params"]).items())


def flattened(values: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """Nested parameters under dotted names; a list is one value, nothing is `null`."""
    flat: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= flattened(value, f"{before}{key}.")
        else:
            flat[f"{before}{key}"] = _shown(value)
    return flat


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def origin_table(run: Run) -> Table | None:
    """Where a run's figures come from: checkpoint, data, code, machine; None where not known."""
    found = run.files["run"].content
    if found is None:
        return None
    checkpoint, git = found["checkpoint"], found.get("git")
    rows = [
        ("checkpoint", checkpoint.get("name", checkpoint["encoder"])),
        ("checkpoint's source", checkpoint.get("source", _UNKNOWN)),
        ("checkpoint's revision", checkpoint.get("revision") or "none"),
        *((f"sha256 of {name}", digest) for name, digest in checkpoint["sha256"].items()),
        *((f"sha256 of {name}", digest) for name, digest in found["data_sha256"].items()),
        ("code", _code(git) if git else _UNKNOWN),
        ("run", f"{found.get('started', _UNKNOWN)} to {found.get('ended', _UNKNOWN)}"),
        ("hardware", hardware_text(found["hardware"])),
        ("precision", found.get("precision", _UNKNOWN)),
        ("training", f"{found['training']['steps']} steps"),
        *((name, version or "not installed") for name, version in found["libraries"].items()),
    ]
    header = ["what", "value"]
    return Table(
        f"origin-{run.name}", f"Where {run.name} comes from.", "dvc repro", header, rows, 2
    )


def hardware_text(found: Mapping[str, Any]) -> str:
    """Such as `AMD EPYC, 2 cores, 23.5 GiB, no GPU`."""
    cores, memory = found["cores"], found["memory_gib"]
    return ", ".join(
        [
            found["processor"] or "unknown processor",
            "unknown cores" if cores is None else f"{cores} cores",
            "unknown memory" if memory is None else f"{memory:g} GiB",
            found["gpu"] or "no GPU",
        ]
    )


def _code(git: Mapping[str, Any]) -> str:
    if git["commit"] is None:
        return f"{_UNKNOWN} ({git['reason']})" if git.get("reason") else _UNKNOWN
    return f"commit {git['commit']}" + (", with changes" if git["changed"] else "")


def compare_link(row: Row, rows: list[Row]) -> tuple[str, str] | None:
    """What the other run is, and the address of Compare: against the best of the same recommender
    and protocol, or, for the best, the second; None where there are no two runs."""
    field = (row.experiment.recommender, row.experiment.protocol)
    ranked = sorted(
        (r for r in rows if r.rank and (r.experiment.recommender, r.experiment.protocol) == field),
        key=lambda r: r.rank or 0,
    )
    other = next((r for r in ranked if r.experiment.key != row.experiment.key), None)
    if other is None or not row.experiment.done:
        return None
    a = row.experiment.done[0]
    same = [run for run in other.experiment.done if run.cell.seed == a.cell.seed]
    b = (same or other.experiment.done)[0]
    return run_name(b.cell), "compare?" + urlencode({"a": a.name, "b": b.name})
