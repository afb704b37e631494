"""Numbers among the parameters, and what is accepted of each."""

from pathlib import Path
from typing import Any

from replication.files.errors import StudyError, shown
from replication.study.settings import Params, Schedule

RATES = ("learning_rate", "encoder_learning_rate")
_ADAPTER_COUNTS = (
    "rank", "alpha", "clicks", "title_tokens", "negatives", "batch_size", "max_steps", "save_every",
    "judged",
)  # fmt: skip
DEMO_SIZES = ("articles", "train_users", "test_users", "train_impressions", "test_impressions")
MOST = 2**31 - 1  # of what counts things in 32 bits
LARGEST_SEED = 2**32 - 1


def candidates(rate: float | tuple[float, ...]) -> tuple[float, ...]:
    """The learning rates to try: one, or those of a list."""
    return rate if isinstance(rate, tuple) else (rate,)


def check_numbers(params: Params, where: Path) -> None:
    """Raise `StudyError` naming the first number that is out of its range, and what is accepted."""
    counts, rates, shares, seeds = _numbers(params)
    for values, least, most in ((counts, 1, MOST), (seeds, 0, LARGEST_SEED)):
        for key, value in values.items():
            if not least <= value <= most:
                accepted = f"{least} or more" if value < least else f"{most} or less"
                raise StudyError(
                    f"{where}: {key}: {shown(value)} is not accepted; accepted: {accepted}"
                )
    for key, value in rates.items():
        if value <= 0:
            raise StudyError(f"{where}: {key}: {value} is not accepted; accepted: more than 0")
    for key, value in shares.items():
        if not 0 <= value < 1:
            raise StudyError(f"{where}: {key}: {value} is not accepted; accepted: 0, below 1")
    if params.model.window % 2 == 0:
        raise StudyError(
            f"{where}: model.window: {params.model.window} is not accepted; accepted: odd"
        )


def _numbers(params: Params) -> tuple[dict[str, Any], ...]:
    """Numbers by key: counts (whole, from 1), rates (above 0), shares (0, below 1) and seeds."""
    counts: dict[str, Any] = {
        "history": params.history,
        "protocol.negatives": params.protocol.negatives,
        "text.title_tokens": params.text.title_tokens,
        "text.abstract_tokens": params.text.abstract_tokens,
        "evaluation.bootstrap_samples": params.evaluation.bootstrap_samples,
        "audit.max_steps": params.audit.max_steps,
        "lora.rank": params.lora.rank,
        "lora.alpha": params.lora.alpha,
        "training.launch.processes": params.training.launch.processes,
        "training.launch.nodes": params.training.launch.nodes,
    }
    model = params.model
    counts |= {f"model.{k}": getattr(model, k) for k in ("filters", "query", "category", "window")}
    shares = {f"model.{k}": getattr(model, k) for k in ("dropout", "user_dropout")}
    counts |= {f"data.{key}": getattr(params.data, key) for key in DEMO_SIZES}
    seeds: dict[str, Any] = {"seed": params.seed}
    seeds |= {f"audit.seeds.{i}": seed for i, seed in enumerate(params.audit.seeds)}
    seeds["data.seed"] = params.data.seed
    seeds |= {f"grid.seeds.{i}": seed for i, seed in enumerate(params.grid.seeds)}
    rates: dict[str, Any] = {
        "lora.encoder_learning_rate": min(candidates(params.lora.encoder_learning_rate), default=0)
    }
    shares["lora.dropout"] = params.lora.dropout
    for name in ("frozen", "tuned_words", "tuned_layers"):
        schedule = getattr(params.training, name)
        for key in (k for k in Schedule.__dataclass_fields__ if k not in (*RATES, "start")):
            counts[f"training.{name}.{key}"] = getattr(schedule, key)
        for key in RATES:
            listed = candidates(getattr(schedule, key))
            rates[f"training.{name}.{key}"] = min(listed, default=0)  # an empty list is refused too
    for name, adapter in params.adapters.items():
        for key in _ADAPTER_COUNTS:
            counts[f"adapters.{name}.{key}"] = getattr(adapter, key)
        rates[f"adapters.{name}.learning_rate"] = adapter.learning_rate
        shares[f"adapters.{name}.dropout"] = adapter.dropout
        seeds[f"adapters.{name}.seed"] = adapter.seed
        counts[f"adapters.{name}.targets"] = len(adapter.targets)
    for name, encoder in params.encoders.items():
        counts[f"encoders.{name}.width"] = encoder.width
        rates[f"encoders.{name}.parameters"] = encoder.parameters
    every = (counts, rates, shares, seeds)
    return tuple({k: v for k, v in values.items() if v is not None} for values in every)
