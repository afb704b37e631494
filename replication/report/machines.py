"""What is known of the machines that the study can run on: `machines.yaml`."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from replication.files.documents import read_yaml, validated
from replication.files.errors import StudyError
from replication.study.settings import strict

MACHINES = Path(__file__).with_name("machines.yaml")


@dataclass(frozen=True)
class Machine:
    """One device and its host.

    operations     at its peak, a second
    bytes_read     of vectors from disk, a second
    batch_seconds  what a batch takes besides
    attained       share of the peak by kind of work; the whole where a kind is not named
    origin         of that share: assumed, or where it was measured
    memory, bandwidth   bytes, and bytes a second
    ranked         impressions scored and ranked a second
    run_seconds    what a run takes beside training and test
    gpu            part of the name that run.json gives it; None: the processor
    """

    name: str
    operations: float
    bytes_read: float
    batch_seconds: float
    attained: Mapping[str, float] = field(default_factory=dict)
    origin: Mapping[str, str] = field(default_factory=dict)
    memory: float = math.inf
    bandwidth: float = math.inf
    ranked: float = math.inf
    run_seconds: float = 0.0
    gpu: str | None = None

    def rate(self, kind: str) -> float:
        """Operations a second in work of this kind."""
        return self.operations * self.attained.get(kind, 1.0)

    def did(self, hardware: object, threads: int | None = None) -> bool:
        """Whether a run whose run.json describes this hardware was made on such a machine.

        threads: that it computed with; None: not recorded. A processor counts by the core.
        """
        if not isinstance(hardware, dict):
            return False
        found = hardware.get("gpu")
        if self.gpu is None:
            return found is None and threads in (1, None)
        return isinstance(found, str) and self.gpu in found


Positive = Annotated[float, Field(gt=0)]


@strict
class Share:
    """Of the published peak, and whence: assumed, or measured and where."""

    share: Annotated[float, Field(gt=0, le=1)]
    origin: str


@strict
class Attained:
    """By kind of work; machines.yaml says what each is."""

    embed: Share
    adapt: Share
    frozen: Share
    tuned_words: Share
    tuned_layers: Share


@strict
class Device:
    """One entry of machines.yaml."""

    name: str
    source: str
    gpu: str | None
    tflops: Positive
    memory_gb: Positive
    bandwidth_gb: Positive | None
    attained: Attained
    read_gb: Positive
    batch_ms: Positive
    run_s: Positive
    ranked: Positive | None


@strict
class Host:
    """Seconds of a stage beside its work; GB downloaded and impressions prepared a second."""

    stage_s: Positive
    download_gb: Positive
    prepared: Positive


@strict
class Machines:
    devices: dict[str, Device]
    host: Host


@cache
def load_machines(path: Path = MACHINES) -> Machines:
    """Read machines.yaml; `StudyError` naming file and key where it is malformed."""
    return validated(Machines, read_yaml(path), path)


def machine(name: str) -> Machine:
    """The machine of this name; `StudyError` naming the known ones."""
    known = load_machines().devices
    found = {key.lower(): device for key, device in known.items()}.get(name.lower())
    if found is None:
        raise StudyError(
            f"the command line: device: {name!r} is not accepted; accepted: {', '.join(known)}, or "
            f"another that you add to {MACHINES.relative_to(Path(__file__).parents[2])}"
        )
    attained = vars(found.attained)
    return Machine(
        found.name,
        found.tflops * 1e12,
        found.read_gb * 1e9,
        found.batch_ms / 1e3,
        {kind: share.share for kind, share in attained.items()},
        {kind: share.origin for kind, share in attained.items()},
        found.memory_gb * 1e9,
        found.bandwidth_gb * 1e9 if found.bandwidth_gb else math.inf,
        found.ranked or math.inf,
        found.run_s,
        found.gpu,
    )


def machines(text: str) -> tuple[int, str]:
    """How many of which device: `8xH100` is (8, "H100"), `H100` one. `StudyError` for others."""
    found = re.fullmatch(r"(?:([1-9]\d{0,3})\s*x\s*)?([a-z].*)", text.strip(), re.IGNORECASE)
    if not found:
        raise StudyError(
            f"the command line: --gpus: {text!r} is not accepted; expected a number and a device, "
            "such as 8xH100"
        )
    machine(found[2])
    return int(found[1] or 1), found[2]
