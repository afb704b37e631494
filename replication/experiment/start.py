"""What a recommender learns over the frozen encoder, from which tuning begins."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from replication.encoders.models.making import booked_elsewhere
from replication.encoders.sources.checkpoints import checkpoint_digest
from replication.experiment.fitting import build_recommender, learned
from replication.experiment.record import relevant
from replication.files.atomic import new_file
from replication.files.digest import of_key
from replication.machine import environment, processes
from replication.machine.locks import alone
from replication.machine.saved_state import whole
from replication.mind.columns.prepared import Prepared
from replication.recommenders import Recommender
from replication.study import paths
from replication.study.numbers import RATES, candidates
from replication.study.params import Params
from replication.study.runs import run_id
from replication.study.starts import deciding, start_name
from replication.training.progress import Fit, Progress
from replication.training.search import with_rates

Start = tuple[dict[str, Tensor], dict[str, float]]  # parameters by name, and how they were trained


class FrozenStart:
    """What a recommender has learned over the frozen encoder, from which tuning begins where the
    schedule says so: trained when first wanted, and once for all runs that begin so.

    Under the protocol `clean` it is, to the last bit, the recommender of the frozen cell of the
    same seed, which leaves it here; under the release's, which gives tuned encoders another head,
    it has that head. The seconds of its training are booked to every run that begins from it.
    """

    def __init__(self, params: Params, data: Prepared, precision: str, progress: Progress):
        frozen = replace(params, tuning="frozen")
        rate, unused = (candidates(getattr(frozen.schedule, key))[0] for key in RATES)
        self._frozen = with_rates(frozen, rate, unused)
        self._tuned, self._data, self._precision = params, data, precision
        self._progress = progress
        self._learned: dict[str, Tensor] | None = None

    def give(self, model: Recommender) -> None:
        """Put it into `model`, beside the encoder's own parameters."""
        if self._learned is None:
            with booked_elsewhere():
                self._learned, self._progress.begun = self._found_or_made()
        model.load_state_dict(self._learned, strict=False)

    def _found_or_made(self) -> Start:
        if not self._tuned.protocol.seeded:
            return self._made()
        head = deciding(self._tuned)
        return _kept(self._frozen, head, self._data, self._progress.seed, self._made)

    def _made(self) -> Start:
        torch.manual_seed(self._progress.seed)
        frozen = build_recommender(self._tuned, self._data, as_it_is=True)
        fitted = learned(frozen, self._frozen, self._data, self._precision, self._progress)
        return _parameters(frozen), _told(fitted)


def leave_start(
    params: Params, data: Prepared, model: Recommender, fitted: Fit, progress: Progress
) -> None:
    """Keep what a frozen run has learned for the tuned runs that begin so; of others nothing."""
    if params.tuning == "frozen" and start_name(params) is not None:
        made = _parameters(model), _told(fitted)
        _kept(params, deciding(params), data, progress.seed, lambda: made)


def _kept(
    frozen: Params, head: dict[str, Any], data: Prepared, seed: int, make: Callable[[], Start]
) -> Start:
    """The start that is kept of such a run, made where there is none, by one stage for all."""
    key = _key(frozen, head, data, seed)
    path = _path(frozen, key)
    with alone(path.stem, f"{path}: another stage is making it; waiting for it"):
        found = _read(path, key)
        if not processes.agreed(found is not None):
            found = make()
            _write(path, key, *found)
        assert found is not None  # the first one's folder is theirs
        return found


def _key(frozen: Params, head: dict[str, Any], data: Prepared, seed: int) -> str:
    """All that decides it. `head`: as of `deciding`."""
    params = relevant(frozen)
    del params["finetune_layers"], params["tuned_parts"]
    return environment.result_key(
        environment.RUNS,
        params=params,
        seed=seed,
        data=data.meta["sha256"],
        checkpoint=checkpoint_digest(frozen.encoder),
        **head,
    )


def _path(frozen: Params, key: str) -> Path:
    return paths.STARTS / f"{run_id(frozen)}-{of_key(key)}.safetensors"


def _parameters(model: Recommender) -> dict[str, Tensor]:
    """Those that are no part of the text encoder, and which users have trained."""
    own = {n: p.detach() for n, p in model.named_parameters() if not n.startswith("text.")}
    return {name: whole(t).cpu() for name, t in {**own, "known_users": model.known_users}.items()}


def _told(fitted: Fit) -> dict[str, float]:
    """How it was trained, as run.json tells it, and for how long."""
    return {
        "steps": fitted.steps,
        "samples": fitted.samples,
        "best_step": fitted.best_step,
        "selection_auc": round(fitted.best_auc, 6),
        "seconds": round(fitted.seconds, 2),
    }


def _write(path: Path, key: str, learned: dict[str, Tensor], told: dict[str, float]) -> None:
    from safetensors.torch import save_file

    if processes.is_first():
        tensors = {name: t.contiguous() for name, t in learned.items()}
        with new_file(path) as temporary:
            save_file(tensors, temporary, {"key": key, "told": json.dumps(told)})


def _read(path: Path, key: str) -> Start | None:
    """None where it is not there, or damaged: it is made anew."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            notes = file.metadata() or {}
            if notes.get("key") != key:
                return None
            learned = {n: file.get_tensor(n) for n in file.keys()}  # noqa: SIM118 - no mapping
            return learned, json.loads(notes["told"])
    except (SafetensorError, OSError):
        return None
