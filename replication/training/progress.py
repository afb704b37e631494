"""How far a run has come, trials of learning rates included: kept on disk, and taken up again."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace

import torch
from torch import Tensor

from replication.encoders.models.making import making
from replication.machine import environment
from replication.machine.gpu import wait_for_gpu
from replication.machine.saved_state import (
    SavedState,
    brought_back,
    generators,
    set_generators,
    taken_down,
)
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


@dataclass(frozen=True)
class Learning:
    """Training by a schedule, and what it changes in place: how far it has come, the parameters
    that train by name, and the moments of the optimizer."""

    schedule: Schedule
    fit: Fit
    parameters: Mapping[str, Tensor]
    optimizer: torch.optim.Optimizer


@dataclass
class Passed:
    """A point that the run by a schedule passes, as a trial of the same rates has left it; both
    schedules are JSON."""

    trial: str
    schedule: str
    fit: Fit
    tensors: dict[str, Tensor]


@dataclass(frozen=True)
class FirstBatch:
    """What is learned from the first batch of a search, before any rate matters: the loss, the
    gradients by parameter, where torch's generators are then, and the seconds it took."""

    loss: Tensor
    gradients: dict[str, Tensor]
    generators: dict[str, Tensor]
    seconds: float


class Progress:
    """What a run has behind it; all of it is that of the run that was cut off, if there was one.

    seed      what was drawn follows it
    started   the time in UTC
    resumed   how often the run was cut off and went on
    trials    schedule (JSON) -> selection AUC and seconds of the trials that are finished
    begun     where training began from a frozen encoder's recommender: how that was trained
    tries     while a trial is made, the schedule of the run by its rates
    """

    def __init__(self, state: SavedState, seed: int):
        kept = state.notes or {}
        self.state = state
        self.seed: int = kept.get("seed", seed)
        self.started: str = kept.get("started", environment.now())
        self.resumed: int = kept.get("resumed", -1) + 1
        self.trials: dict[str, tuple[float, float]] = kept.get("trials", {})
        self.begun: dict[str, float] | None = kept.get("begun")
        self.tries: Schedule | None = None
        self._trial: str | None = None  # its own
        self._first: FirstBatch | None = None  # of all trials
        self._taken: float = kept.get("taken", 0.0)  # seconds of it, by the trial that is made
        self._left: Passed | None = None  # by the trial that is being made
        self._passed: Passed | None = None  # by the best one so far
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

    def trial(self, schedule: Schedule, run: Schedule, fit: Callable[[], Fit]) -> float:
        """The selection AUC of a trial, to 6 digits; it is made unless it is known.

        run  the schedule of the run by the same rates, which goes on from where the best trial
             leaves off instead of doing its batches again
        """
        name = _name(schedule)
        if name not in self.trials:
            best = max((auc for auc, _ in self.trials.values()), default=-1.0)
            self.tries, self._trial = run, name
            done = fit()
            self.trials[name] = round(done.best_auc, 6), done.seconds - self._taken
            if self.trials[name][0] > best:
                self._passed = self._left
            self.tries = self._trial = self._left = None
            self._taken = 0.0
        return self.trials[name][0]

    def first_batch(self, at: Learning, learn: Callable[[], Tensor]) -> tuple[Tensor, float]:
        """The loss of the first batch, whose gradients are with the parameters then, and the
        seconds that another trial spent on it.

        All trials of a search begin with the same parameters and the same batch: one `learn`s
        from it for all. So do its seconds count once: training includes them, whichever trial it
        goes on from, and the search what the others did besides.
        """
        if _name(at.schedule) != self._trial:  # as the frozen start, which the first one makes
            return learn(), 0.0
        if self._first is None:
            started = time.perf_counter()
            loss = learn()
            wait_for_gpu()
            gradients = {n: p.grad for n, p in at.parameters.items() if p.grad is not None}
            took = time.perf_counter() - started
            self._first = FirstBatch(loss, gradients, generators(), took)
            return loss, 0.0
        for name, gradient in self._first.gradients.items():
            at.parameters[name].grad = gradient
        set_generators(self._first.generators)
        self._taken = self._first.seconds
        return self._first.loss, self._taken

    def search_ends(self) -> None:
        """Let go of what trials alone share."""
        self._first = None

    def leave(self, at: Learning, others: Mapping[str, Tensor]) -> None:
        """Remember where a trial is: at a point that the run which it `tries` passes as well."""
        assert self.tries is not None
        tensors = taken_down(at.parameters, at.optimizer, others)
        copies = {name: t.clone() for name, t in tensors.items()}
        done = replace(at.fit, curve=[*at.fit.curve])
        self._left = Passed(_name(at.schedule), _name(self.tries), done, copies)

    def fit(self, schedule: Schedule) -> Fit:
        """Where training by `schedule` stands: at its start, or where `restore` brings it."""
        name = _name(schedule)
        if self._training is not None and self._training["schedule"] == name:
            return Fit(**self._training["fit"])
        if self._passed is not None and self._passed.schedule == name:
            return replace(self._passed.fit, curve=[*self._passed.fit.curve])
        return Fit()

    def restore(self, at: Learning) -> dict[str, Tensor]:
        """Bring training to where `fit` says that it stands, beyond its start; returns the tensors
        that were kept beside it. What a trial has done of it is training from now on."""
        name = _name(at.schedule)
        if self._training is not None and self._training["schedule"] == name:
            return self.state.restore(at.parameters, at.optimizer)
        assert self._passed is not None
        passed, self._passed = self._passed, None
        others = brought_back(passed.tensors, at.parameters, at.optimizer)
        auc, seconds = self.trials[passed.trial]
        self.trials[passed.trial] = auc, seconds - passed.fit.seconds
        return others

    def save(self, at: Learning, others: Mapping[str, Tensor]) -> None:
        """Write the state of training, and all that came before it."""
        notes = {
            "seed": self.seed,
            "started": self.started,
            "resumed": self.resumed,
            "trials": self.trials,
            "begun": self.begun,
            "taken": self._taken,
            "training": {"schedule": _name(at.schedule), "fit": asdict(at.fit)},
            "seconds": self.seconds,
        }
        self.state.save(at.parameters, at.optimizer, notes, others)


def _name(schedule: Schedule) -> str:
    return json.dumps(as_mapping(schedule), sort_keys=True)
