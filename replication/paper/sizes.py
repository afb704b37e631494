"""Claims about the size of language models: that quality does not follow it, and that cost does."""

import itertools
from typing import Any

import numpy as np

from replication.evaluation.intervals import interval
from replication.evaluation.statistics import correlation_replicates, rank_correlation
from replication.files.errors import StudyError
from replication.paper import verdict
from replication.paper.cells import Cell, number
from replication.paper.claims import Cost, NotMonotone
from replication.paper.evidence import Evidence, Place
from replication.paper.results import Result, differences, known_models, located, whole
from replication.study import paths

LEAST = 3  # models that an order needs


def judge_order(claim: NotMonotone, evidence: Evidence, protocol: str) -> Result:
    models = known_models(evidence, claim.models, LEAST)
    wanted = [(r, m, t) for r in claim.recommenders for t in claim.tunings for m in models]
    places = located(evidence, protocol, wanted)
    replicates = evidence.replicates(protocol, claim.metric, None)
    parts = []
    for ladder in _ladders(places, len(models)):
        sizes = np.arange(len(ladder))
        measured = [evidence.mean(place, claim.metric) for place in ladder]
        part: Result = {"recommender": ladder[0].recommender, "tuning": ladder[0].tuning}
        parts.append(part)
        means = [mean for mean in measured if mean is not None]
        if len(means) < len(measured):
            part |= {"verdict": "not testable", "reason": f"{claim.metric} is undefined"}
            continue
        pairs = list(itertools.combinations(ladder, 2))  # smaller, larger
        found = differences(evidence, pairs, claim.metric)
        steps = [pair["found"] for pair in found]
        resolved = [verdict.significant(pair["p_holm"]) for pair in found]
        table = np.stack([replicates[place] for place in ladder])
        part |= {
            "order": [ladder[i].encoder for i in np.argsort(means)[::-1]],  # best first
            "found": rank_correlation(sizes, means),
            "ci95": interval(correlation_replicates(sizes, table)),
            "inversions": sum(step > 0 for step in steps),
            "resolved_inversions": sum(
                step > 0 and sure for step, sure in zip(steps, resolved, strict=True)
            ),
            "verdict": verdict.of_order(steps, resolved),
        }
    return whole(evidence, places, parts)


def judge_cost(claim: Cost, evidence: Evidence, protocol: str) -> Result:
    """Each measure over the models that have it, three or more; the rest are null."""
    models = known_models(evidence, claim.models, LEAST)
    wanted = [(r, m, claim.tuning) for r in claim.recommenders for m in models]
    places = located(evidence, protocol, wanted)
    parts = []
    for ladder, measure in itertools.product(_ladders(places, len(models)), claim.measures):
        values = [_measured(evidence, place, measure) for place in ladder]
        part: Result = {
            "recommender": ladder[0].recommender,
            "measure": measure,
            "values": {p.encoder: v for p, v in zip(ladder, values, strict=True)},
            "found": None,
        }
        if sum(value is not None for value in values) < LEAST:
            part |= {"verdict": "not testable", "reason": _ABSENT[measure == "sensitivity"]}
        else:
            part["found"] = rank_correlation(range(len(values)), values)
            part["verdict"] = verdict.of_growth(part["found"])
        parts.append(part)
    found = whole(evidence, places, parts)
    machines = {_machine(cell) for place in places for cell in evidence.ran(place)} - {None}
    if len(machines) > 1:
        return found | {"verdict": "not testable", "reason": "the runs are of several machines"}
    return found


_ABSENT = {
    False: f"fewer than {LEAST} of its models have a known cost",
    True: f"fewer than {LEAST} of its models were searched for a learning rate",
}


def _ladders(places: list[Place], models: int) -> list[list[Place]]:
    return [places[i : i + models] for i in range(0, len(places), models)]


def _measured(evidence: Evidence, place: Place, measure: str) -> float | None:
    """Mean over seeds; None where it is not known of each."""
    values = [_MEASURES.get(measure, _cost)(cell, measure) for cell in evidence.ran(place)]
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def _cost(cell: Cell, key: str) -> float | None:
    """Of the run and, where an LLM was fine-tuned before it, of its adapter: together, but for
    memory, which one frees before the other takes it."""
    if cell.cost is None:
        return None
    own = number(cell.cost, key, cell.folder / "cost.json")
    if cell.adapter is None or own is None:
        return own
    if cell.adapter_cost is None:
        return None
    before = number(cell.adapter_cost, key, paths.ADAPTERS / f"{cell.adapter}.json")
    if before is None:
        return None
    return max(own, before) if "memory" in key else own + before


def _memory(cell: Cell, _: str) -> float | None:
    """MiB at the peak, of the GPU if there is one."""
    on_gpu = _cost(cell, "peak_gpu_memory_mib")
    return _cost(cell, "peak_memory_mib") if on_gpu is None else on_gpu


def _sensitivity(cell: Cell, _: str) -> float | None:
    """Range of the selection AUC over the learning rates that were tried; an adapter's are not."""
    tried = None if cell.adapter else _of_run(cell, "training", "search")
    if not tried:
        return None
    aucs = [number(trial, "selection_auc", cell.folder / "run.json") for trial in tried]
    known = [auc for auc in aucs if auc is not None]
    return max(known) - min(known) if len(known) == len(aucs) else None


_MEASURES = {"memory": _memory, "sensitivity": _sensitivity}


def _machine(cell: Cell) -> tuple[Any, Any] | None:
    hardware = _of_run(cell, "hardware")
    return hardware and (hardware.get("processor"), hardware.get("gpu"))


def _of_run(cell: Cell, *keys: str) -> Any:
    """A part of run.json; None where there is no such file."""
    value: Any = cell.run
    for key in keys if cell.run is not None else ():
        if not isinstance(value, dict) or key not in value:
            raise StudyError(
                f"{cell.folder / 'run.json'}: {'.'.join(keys)}: is missing; run `{cell.command}`"
            )
        value = value[key]
    return value
