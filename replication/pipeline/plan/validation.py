"""How far a plan can be trusted: each run predicted from the others, beside what it took."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from replication.pipeline.plan.calibration import Calibration
from replication.pipeline.plan.stages import Work, predicted


@dataclass(frozen=True)
class Prediction:
    """Seconds of one run, as predicted without it and as measured."""

    stage: str
    kind: str
    predicted: float
    measured: float

    @property
    def error(self) -> float:
        """Share by which the prediction is too long."""
        return self.predicted / self.measured - 1


def predictions(profile: str, works: Mapping[str, Work], known: Calibration) -> list[Prediction]:
    """Every run of a profile that was measured, left out of what it is predicted from."""
    found = []
    for name, work in works.items():
        run = known.measured(work.folder, profile) if work.folder else None
        if run is not None:
            seconds = sum(predicted(work, known.without(run)).values())
            found.append(Prediction(name, run.kind, seconds, run.seconds))
    return found


def together(found: Iterable[Prediction]) -> float:
    """Share by which predictions are too long in sum."""
    found = list(found)
    return sum(p.predicted for p in found) / sum(p.measured for p in found) - 1
