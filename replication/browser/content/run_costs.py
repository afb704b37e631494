"""What an experiment took by a column of the report's table of costs, or why that is not known."""

from collections.abc import Mapping
from dataclasses import replace

from replication.browser.reading.experiments import Experiment
from replication.browser.reading.runs import Run, adapter_name
from replication.files.readable import File
from replication.report.costs import MEANS, WHOLE, mean, whole_cost
from replication.study import paths


def cost_of(
    experiment: Experiment,
    column: str,
    adapters: Mapping[str, File],
    embeddings: Mapping[str, File],
) -> tuple[float | None, str | None]:
    """Mean over the runs that are there; the first reason where it is not known of each."""
    found = [
        _of_all(run, column, adapters, embeddings)
        if column in WHOLE
        else _of_run(run, MEANS[column][0], adapters)
        for run in experiment.done
    ]
    reason = next((reason for _, reason in found if reason), None)
    return mean([value for value, _ in found]), reason


def _of_run(run: Run, key: str, adapters: Mapping[str, File]) -> tuple[float | None, str | None]:
    own, reason = _value(run.files["cost"], key)
    adapter = adapter_of(run, adapters)
    # Its weights are merged into the model's, which the run's own count holds.
    if own is None or adapter is None or key == "parameters":
        return own, reason
    before, reason = _value(adapter, key)
    if before is None:
        return None, reason
    # One frees its memory before the other takes it.
    return (max(own, before) if "memory" in key else own + before), None


def _of_all(
    run: Run, column: str, adapters: Mapping[str, File], embeddings: Mapping[str, File]
) -> tuple[float | None, str | None]:
    own, adapter = run.files["cost"], adapter_of(run, adapters)
    if own.content is None:
        return None, own.problem or f"{own.path}: no such file"
    name = adapter_name(run, adapters)
    embedding = embeddings.get(name or run.cell.encoder)
    cell = replace(
        run.cell,
        cost=own.content,
        adapter=name,
        adapter_cost=adapter.content if adapter else None,
        embedding_cost=embedding.content if embedding else None,
    )
    value = whole_cost(column, cell)
    return value, f"{own.path}: {column} is not recorded in full" if value is None else None


def _value(file: File, key: str) -> tuple[float | None, str | None]:
    if file.content is None:
        return None, file.problem or f"{file.path}: no such file"
    value = file.content[key]
    return value, f"{file.path}: {key} was not measured" if value is None else None


def adapter_of(run: Run, adapters: Mapping[str, File]) -> File | None:
    """What the training of a run's adapter took; None where it has none."""
    name = adapter_name(run, adapters)
    return adapters.get(name, File(paths.ADAPTERS / f"{name}.json")) if name else None
