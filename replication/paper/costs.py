"""The claim that larger language models cost more, by what the study does not set itself.

How many parameters train follows from `finetune_layers`, and how long a run lasts from its number
of steps: both are choices of the study, and say nothing of the models.
"""

import itertools
from typing import Any

import numpy as np
from scipy import stats

from replication.evaluation.statistics import rank_correlation
from replication.files.errors import StudyError
from replication.paper import verdict
from replication.paper.cells import Cell, number
from replication.paper.claims import Cost
from replication.paper.evidence import Evidence, Place
from replication.paper.results import Result, known_models, located, whole
from replication.paper.run_costs import device_seconds, memory, operations, seconds_a_sample
from replication.paper.sizes import LEAST, ladders

TOLERANCE = 0.1  # two costs that differ by less count as alike: runs of one model do
TUNING = "sensitivity"  # the half of the claim that is no cost


def judge_cost(claim: Cost, evidence: Evidence, protocol: str) -> Result:
    """Each measure over the models that have it, three or more; the rest are null.

    What no run records is `not testable` as a part, with the reason, and leaves the claim to the
    other measures of cost; without any of them, or without the sensitivity, half of the claim has
    not been looked at, and it is not testable either.
    """
    models = known_models(evidence, claim.models, LEAST)
    wanted = [(r, m, claim.tuning) for r in claim.recommenders for m in models]
    places = located(evidence, protocol, wanted)
    parts = []
    for ladder, measure in itertools.product(
        ladders(evidence, places, len(models)), claim.measures
    ):
        values = [_measured(evidence, place, measure) for place in ladder]
        known = [value for value in values if value is not None]
        part: Result = {
            "recommender": ladder[0].recommender,
            "measure": measure,
            "values": {p.encoder: v for p, v in zip(ladder, values, strict=True)},
            "found": None,
        }
        if len(known) < LEAST:
            part |= {"verdict": "not testable", "reason": _UNKNOWN.get(measure, _ABSENT)}
        else:
            part["found"] = rank_correlation(range(len(values)), values)
            ends = [p for p, v in zip(ladder, values, strict=True) if v is not None]
            falls = measure != TUNING or _falls(evidence, ends, len(claim.recommenders))
            part["verdict"] = verdict.of_growth(known, TOLERANCE, falls)
        parts.append(part)
    machines = {_machine(cell) for place in places for cell in evidence.ran(place)} - {None}
    if len(machines) > 1:
        several = whole("not testable", places, parts)
        return several | {"reason": "the runs are of several machines"}
    return _halves(places, parts)


def _halves(places: list[Place], parts: list[Result]) -> Result:
    words = {
        half: [
            part["verdict"]
            for part in parts
            if (part["measure"] == TUNING) == half and part["verdict"] != "not testable"
        ]
        for half in (True, False)
    }
    if not all(words.values()):
        blank = [part for part in parts if (part["measure"] == TUNING) == (not words[True])]
        reason = next(part["reason"] for part in blank if part.get("reason"))
        return whole("not testable", places, parts) | {"reason": reason}
    unknown = {part["measure"]: part["reason"] for part in parts if part.get("reason")}
    reason = "; ".join(f"{name.replace('_', ' ')}: unknown, {why}" for name, why in unknown.items())
    found = whole(verdict.of_all([*words[True], *words[False]]), places, parts)
    return found | {"reason": reason or None}


_ABSENT = f"fewer than {LEAST} of its models have a known cost"
_UNKNOWN = {
    "operations": "its runs, or an adapter's training, have not counted them: run them again",
    "device_seconds": "not all of its runs have those of the stages before them: run them again",
    TUNING: f"fewer than {LEAST} of its models were searched for a learning rate",
}


def _measured(evidence: Evidence, place: Place, measure: str) -> float | None:
    """Mean over seeds; None where it is not known of each."""
    values = [_MEASURES[measure](cell) for cell in evidence.ran(place)]
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def _falls(evidence: Evidence, ladder: list[Place], ladders: int) -> bool:
    """Whether the range of AUC over rates is shown to be less of the largest model than of the
    smallest: by Welch's t-test over seeds, with Bonferroni's correction for so many ladders.

    The range of a handful of trials, each moved by its seed, is a noisy figure, unlike a cost: one
    below another says little by itself, and with one seed nothing.
    """
    smallest, largest = (
        [width for cell in evidence.ran(place) if (width := _sensitivity(cell)) is not None]
        for place in (ladder[0], ladder[-1])
    )
    if min(len(smallest), len(largest)) < 2:
        return False
    if np.ptp(smallest) == np.ptp(largest) == 0:
        return smallest[0] > largest[0]
    test = stats.ttest_ind(smallest, largest, equal_var=False, alternative="greater")
    return bool(test.pvalue * ladders < verdict.SIGNIFICANT)


def _sensitivity(cell: Cell) -> float | None:
    """Range of the selection AUC over the learning rates that were tried; an adapter's are not."""
    tried = None if cell.adapter else _of_run(cell, "training", "search")
    if not tried:
        return None
    aucs = [number(trial, "selection_auc", cell.folder / "run.json") for trial in tried]
    known = [auc for auc in aucs if auc is not None]
    return max(known) - min(known) if len(known) == len(aucs) else None


_MEASURES = {
    "operations": operations,
    "device_seconds": device_seconds,
    "seconds_a_sample": seconds_a_sample,
    "memory": memory,
    TUNING: _sensitivity,
}


def _machine(cell: Cell) -> tuple[Any, ...] | None:
    hardware = _of_run(cell, "hardware")
    kind = ("processor", "processor_family", "gpu")  # one name has served several processors
    return hardware and tuple(hardware.get(key) for key in kind)


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
