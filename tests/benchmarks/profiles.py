"""Where the time of a training step and of an evaluation goes, against what the machine allows.

`python tests/benchmarks/profiles.py`, a part of `make bench`, writes
reports/benchmarks/profiles.json. Phases are told apart from outside, by hooks on modules and
wrapped functions: the package has no instruments in it. Each piece of work runs twice: once to be
timed, once to count its operations.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from bounds import Bounds, measure_bounds
from mind_study import BATCH, HISTORY, NEGATIVES, parameters, recommender, training, write_study
from phases import Counter, Need, Phases
from torch import nn
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from replication.encoders.models.text import StoredVectors
from replication.evaluation import metrics, scoring
from replication.files.atomic import write_json
from replication.machine import environment
from replication.machine.git import git_commit
from replication.machine.precision import computing_device, resolve_precision
from replication.mind.columns.prepared import Impressions
from replication.recommenders import Recommender
from replication.training import loop

FILE = Path("reports/benchmarks/profiles.json")
WARM, STEPS = 2, 6
ADAM_BYTES = 28  # of a parameter: value, gradient and both moments read, three of them written

BUILD = "batch building and bookkeeping"
GATHER = "gather of stored states"
LAYERS, LAYERS_BACK = "transformer layers, forward", "transformer layers, backward"
HEAD, HEAD_BACK = (
    "recommender head and user encoder, forward",
    "recommender head and user encoder, backward",
)
OPTIMISER = "optimiser"
USERS, SCORES = "user vectors", "look-ups and scores"
SORT, METRICS = "ranking sort", "metrics from ranks"


def profile_training(train: Callable[..., Any], model: Recommender, bounds: Bounds) -> list[dict]:
    """The phases of one training step, means over `STEPS`.

    train   of a number of steps and a `select`: `replication.training.loop.train` on `model`
    """
    train(WARM, lambda _: 0.0)
    timed, counted = Phases(), Phases()
    for phases in (timed, counted):
        with ExitStack() as inside:
            if phases is counted:
                inside.enter_context(Counter(phases))
            inside.enter_context(training_phases(model, phases))

            def stop(_: nn.Module, phases: Phases = phases) -> float:
                phases.enter(None)
                return 0.0

            train(STEPS + 1, stop)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    del counted.needs[BUILD]  # NumPy's work, and little of it: there is no bound to speak of
    counted.needs[OPTIMISER] = Need(moved=ADAM_BYTES * trained * STEPS)
    return shares(timed, counted.needs, bounds, STEPS)


@contextmanager
def training_phases(model: Recommender, phases: Phases) -> Iterator[None]:
    """While inside, `phases` follows what the training loop does with `model`, from the end of its
    first step on."""

    def entering(name: str) -> Callable[..., None]:
        def enter(*_: Any) -> None:
            if phases.now is not None or name == BUILD:
                phases.enter(name)

        return enter

    def gathered(_: nn.Module, __: Any, output: tuple) -> None:
        if phases.now is not None:
            # Each stored row is read and written once: float16, whatever becomes of it later.
            phases.needs[GATHER].gathered += 2 * 2 * output[0].numel()
            phases.enter(LAYERS)

    def encoded(_: nn.Module, __: Any, output: tuple) -> None:
        output[0].register_hook(entering(LAYERS_BACK))
        entering(HEAD)()

    def loss_of(*arguments: Any) -> torch.Tensor:
        loss = true_loss_of(*arguments)
        loss.register_hook(entering(HEAD_BACK))
        return loss

    true_loss_of = loop.loss_of
    (text,) = model.text.values()
    stored = [module for module in text.modules() if isinstance(module, StoredVectors)]
    hooks = [
        model.register_forward_pre_hook(entering(HEAD)),
        text.register_forward_pre_hook(entering(LAYERS)),
        text.register_forward_hook(encoded),
        *(module.register_forward_pre_hook(entering(GATHER)) for module in stored),
        *(module.register_forward_hook(gathered) for module in stored),
        register_optimizer_step_pre_hook(entering(OPTIMISER)),
        register_optimizer_step_post_hook(entering(BUILD)),
    ]
    try:
        with patch.object(loop, "loss_of", loss_of):
            yield
    finally:
        for hook in hooks:
            hook.remove()


def profile_evaluation(
    evaluate: Callable[[], Any], model: Recommender, impressions: Impressions, bounds: Bounds
) -> list[dict]:
    """The phases of `evaluate`, which calls `scoring.score` of `model` and the metrics."""
    evaluate()
    timed, counted = Phases(), Phases()
    with evaluation_phases(model, timed):
        evaluate()
    with evaluation_phases(model, counted), Counter(counted):
        evaluate()
    row = 4 * model.width
    candidates = len(impressions.candidates.values)
    clicks = int(impressions.histories.lengths.clip(max=HISTORY).sum())
    needs = {
        USERS: Need(flops=counted.needs[USERS].flops, moved=row * clicks),
        # The vectors of clicks, read and written; those of candidates, read; the scores.
        SCORES: Need(gathered=row * (2 * clicks + candidates), moved=4 * candidates),
        SORT: Need(sorted=candidates),
        # Labels and ranks, read once.
        METRICS: Need(moved=9 * candidates),
    }
    return shares(timed, needs, bounds, 1)


@contextmanager
def evaluation_phases(model: Recommender, phases: Phases) -> Iterator[None]:
    """While inside, `phases` follows users, scores, ranks and metrics."""

    def within(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            outer = phases.now
            phases.enter(name)
            try:
                return function(*arguments, **named)
            finally:
                phases.enter(outer)

        return wrapped

    with (
        patch.object(model, "as_clicks", within(USERS, model.as_clicks)),
        patch.object(model, "encode_users", within(USERS, model.encode_users)),
        patch.object(scoring, "score", within(SCORES, scoring.score)),
        patch.object(metrics, "rank", within(SORT, metrics.rank)),
        patch.object(metrics, "impression_metrics", within(METRICS, metrics.impression_metrics)),
    ):
        yield


def shares(phases: Phases, needs: dict[str, Need], bounds: Bounds, times: int) -> list[dict]:
    """Each phase: seconds, share, what it asks for, its bound and how near it comes to that.

    The bound is the resource that needs most time for it; `attained` is that time over the time
    spent, 1.0 at the limit of the machine.
    """
    whole = sum(phases.seconds.values())
    rows = []
    for name, seconds in phases.seconds.items():
        need = needs.get(name, Need())
        least = bounds.seconds(need)
        bound = max(least, key=least.get)
        rows.append(
            {
                "phase": name,
                "seconds": seconds / times,
                "share": seconds / whole,
                "gflop": {kind: n / times / 1e9 for kind, n in need.flops.items()},
                "moved_mb": (need.moved + need.gathered) / times / 1e6,
                "bound": bound if least[bound] else None,
                "least_seconds": least[bound] / times,
                "attained": least[bound] / seconds,
            }
        )
    return sorted(rows, key=lambda row: -row["seconds"])


def profiles(folder: Path, share: float = 1.0) -> dict[str, Any]:
    """Every profile and the bounds, as they are saved; `share` of MIND-small's size."""
    started = time.perf_counter()
    bounds = measure_bounds()
    data = write_study(folder, share)
    found = []
    for layers in (2, 6):
        params = parameters(layers)
        model = recommender(params, data, folder)
        phases = profile_training(training(model, params, data), model, bounds)
        title = (
            f"One training step of NRMS with MiniLM, top {layers} of 6 layers tuned, batch "
            f"{BATCH}, {HISTORY} clicks, {1 + NEGATIVES} candidates, mean of {STEPS}"
        )
        found.append({"title": title, "phases": phases})

    vectors = torch.randn(len(model.labels), model.width, device=computing_device())
    precision = resolve_precision("auto")

    def evaluate() -> None:
        scores = scoring.score(model, data.test, params, precision)
        metrics.impression_metrics(scores, data.test.labels, data.test.candidates.offsets)

    with patch.object(model, "encode_news", lambda articles: vectors[articles]):
        phases = profile_evaluation(evaluate, model, data.test, bounds)
    title = (
        f"One evaluation of NRMS, article vectors given, {len(data.test):,} impressions, "
        f"{len(data.test.candidates.values):,} candidates"
    )
    return {
        "date": environment.now(),
        "commit": git_commit(),
        "hardware": environment.hardware(),
        "seconds": time.perf_counter() - started,
        "bounds": asdict(bounds),
        "profiles": [*found, {"title": title, "phases": phases}],
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        write_json(FILE, profiles(Path(folder)))
