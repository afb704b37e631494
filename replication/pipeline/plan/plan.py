"""What a study takes on so many devices: each stage, the order, the total, the bottleneck."""

import math
from collections import Counter
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from replication.pipeline.plan.calibration import Calibration, calibration
from replication.pipeline.plan.schedule import Placed, critical_path, schedule
from replication.pipeline.plan.stages import Stage, planned, study, works
from replication.pipeline.plan.validation import Prediction, predictions
from replication.report.expected import default_machine
from replication.report.machines import Machine, load_machines, machine, machines
from replication.study.params import Params


@dataclass(frozen=True)
class Plan:
    """stages in the order of dvc.yaml; placed: in that of their start; chain: the critical path;
    predictions: measured runs, each predicted from the others; command: what makes this plan"""

    params: Params
    machine: Machine
    devices: int
    stages: tuple[Stage, ...]
    placed: tuple[Placed, ...]
    chain: tuple[str, ...]
    known: Calibration
    predictions: tuple[Prediction, ...]
    command: str

    @cached_property
    def stage(self) -> dict[str, Stage]:
        return {stage.name: stage for stage in self.stages}

    @cached_property
    def seconds(self) -> float:
        """From the first start to the last end."""
        return max(place.end for place in self.placed)

    @cached_property
    def device_seconds(self) -> float:
        """Of all stages one after another."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def chain_seconds(self) -> float:
        return sum(self.stage[name].seconds for name in self.chain)

    @property
    def files(self) -> dict[str, float]:
        """Bytes on disk by what is kept: stages share it, and the largest need makes it."""
        found: dict[str, float] = {}
        for stage in self.stages:
            for name, size in stage.files.items():
                found[name] = max(size, found.get(name, 0.0))
        return found

    @property
    def unfit(self) -> list[Stage]:
        """Stages that need more memory than a device has."""
        return [stage for stage in self.stages if not self.fits(stage)]

    def fits(self, stage: Stage) -> bool:
        return stage.memory <= self.machine.memory

    def on(self, devices: int) -> float:
        """Seconds on another number of devices."""
        return _wall_clock(self.stages, devices)

    def by_group(self) -> list[tuple[str, int, float]]:
        """Kind of stage, how many there are, and their seconds; the longest first."""
        counts = Counter(stage.group for stage in self.stages)
        seconds: Any = Counter()  # of float, which its stub does not know
        for stage in self.stages:
            seconds[stage.group] += stage.seconds
        return [(group, counts[group], took) for group, took in seconds.most_common()]

    def by_part(self) -> list[tuple[str, float]]:
        """What takes the seconds of all stages; the longest first."""
        seconds: Any = Counter()  # of float, which its stub does not know
        for stage in self.stages:
            seconds.update({part: took for part, took in stage.parts.items() if took})
        return seconds.most_common()


def _wall_clock(stages: tuple[Stage, ...], devices: int) -> float:
    seconds, needs = _graph(stages)
    return max(place.end for place in schedule(seconds, needs, devices))


def _graph(stages: tuple[Stage, ...]) -> tuple[dict[str, float], dict[str, tuple[str, ...]]]:
    return {s.name: s.seconds for s in stages}, {s.name: s.needs for s in stages}


def plan(profile: str | None, gpus: str | None, beyond: str | None = None) -> Plan:
    """Of a profile and a study beyond the paper (`stages.study`) on devices such as `8xH100` (None:
    one of what the profile is meant for). Nothing is run, no data are needed.

    Errors: `StudyError` naming the known profiles, studies or devices, or data whose size is not
    known.
    """
    count, device = machines(gpus) if gpus else (1, None)
    params, graph = study(profile, beyond)
    device = device or default_machine(params)
    host, kind = load_machines().host, machine(device)
    known, found = calibration(params, kind), dict(works(params, kind, host, count))
    stages = tuple(planned(params, graph, found, known, host))
    seconds, needs = _graph(stages)
    placed = schedule(seconds, needs, count)
    chain = critical_path(seconds, needs)
    of = f"--profile {params.profile}"
    of += f" --study {params.study}" if params.study != "none" else ""
    command = f"python -m replication plan {of} --gpus {count}x{device}"
    checked = tuple(predictions(params.profile, found, known))
    return Plan(params, kind, count, stages, tuple(placed), tuple(chain), known, checked, command)


def as_json(found: Plan) -> dict[str, Any]:
    """The whole plan as JSON has it: seconds, bytes; what is not bounded is null."""
    return {
        "command": found.command,
        "profile": found.params.profile,
        "devices": found.devices,
        "machine": {k: _finite(v) for k, v in asdict(found.machine).items()},
        "stages": [
            {
                "name": place.name,
                "device": place.device,
                "start": place.start,
                "seconds": stage.seconds,
                "parts": stage.parts,
                "basis": stage.basis,
                "memory_bytes": stage.memory,
                "fits": found.fits(stage),
                "files_bytes": stage.files,
            }
            for place in found.placed
            for stage in [found.stage[place.name]]
        ],
        "seconds": found.seconds,
        "device_seconds": found.device_seconds,
        "critical_path": found.chain,
        "critical_path_seconds": found.chain_seconds,
        "disk_bytes": sum(found.files.values()),
        "predictions": [asdict(prediction) for prediction in found.predictions],
    }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
