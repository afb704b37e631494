"""How far a run has come, trials of learning rates included: kept on disk, and taken up again."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor

from replication.encoders.models.making import making
from replication.machine import environment
from replication.machine.saved_state import SavedState
from replication.study.params import Schedule, as_mapping


@dataclass
class Fit:
    """What training did so far; AUCs are those of the selection split."""

    steps: int = 0
    epochs: int = 0
    samples: int = 0
    articles: int = 0
    seconds: float = 0.0
    best_step: int = 0
    best_auc: float = -1.0
    waited: int = 0  # evaluations since the best one
    # step, mean training loss since the last one, AUC
    curve: list[tuple[int, float, float]] = field(default_factory=list)


class Progress:
    """What a run has behind it; all of it is that of the run that was cut off, if there was one.

    seed      what was drawn follows it
    started   the time in UTC
    resumed   how often the run was cut off and went on
    trials    schedule (JSON) -> selection AUC and seconds of the trials that are finished
    begun     where training began from a frozen encoder's recommender: how that was trained
    """

    def __init__(self, state: SavedState, seed: int):
        kept = state.notes or {}
        self.state = state
        self.seed: int = kept.get("seed", seed)
        self.started: str = kept.get("started", environment.now())
        self.resumed: int = kept.get("resumed", -1) + 1
        self.trials: dict[str, tuple[float, float]] = kept.get("trials", {})
        self.begun: dict[str, float] | None = kept.get("begun")
        self._training = kept.get("training")
        self._spent: float = kept.get("seconds", 0.0)
        self._clock = time.perf_counter() - making.elsewhere

    @property
    def seconds(self) -> float:
        """Spent on the run up to now, but for what was lost between a save and its end, and for
        the states that it reads, which cost every run that reads them the same."""
        return self._spent + time.perf_counter() - making.elsewhere - self._clock

    @property
    def search_seconds(self) -> float:
        """Of training, in trials."""
        return sum(seconds for _, seconds in self.trials.values())

    def trial(self, schedule: Schedule, fit: Callable[[], Fit]) -> float:
        """The selection AUC of a trial, which is run unless it is known."""
        name = _name(schedule)
        if name not in self.trials:
            done = fit()
            self.trials[name] = done.best_auc, done.seconds
        return self.trials[name][0]

    def fit(self, schedule: Schedule) -> Fit:
        """Where training by `schedule` stands: at its start, or where `restore` brings it."""
        if self._training is None or self._training["schedule"] != _name(schedule):
            return Fit()
        return Fit(**self._training["fit"])

    def save(
        self,
        schedule: Schedule,
        fit: Fit,
        parameters: Mapping[str, Tensor],
        optimizer: torch.optim.Optimizer,
        others: Mapping[str, Tensor],
    ) -> None:
        """Write the state of training, and all that came before it."""
        notes = {
            "seed": self.seed,
            "started": self.started,
            "resumed": self.resumed,
            "trials": self.trials,
            "begun": self.begun,
            "training": {"schedule": _name(schedule), "fit": asdict(fit)},
            "seconds": self.seconds,
        }
        self.state.save(parameters, optimizer, notes, others)


def _name(schedule: Schedule) -> str:
    return json.dumps(as_mapping(schedule), sort_keys=True)
