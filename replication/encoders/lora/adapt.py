"""Stage `adapt`: LoRA fine-tuning of a causal encoder on clicks, the first step of two for an LLM.

Objective. A sample is a click of the training split, whose last day stays held out as elsewhere.
The model is asked, after the titles of the user's newest clicks, whether the user will read one
candidate (`questions.py` has the words). A candidate's score is logit(yes) - logit(no); the loss is
the negative log-likelihood of the clicked article among 1 + K candidates of its impression. That is
the recommender's own loss, and unlike a yes/no loss for each candidate it does not spend the
adapter on how often users click at all.

What is drawn at a step depends on the seed and the step alone, so that a run which was cut off goes
on from its last state (`cache/adapt/`) to the adapter that it would have reached. Several processes
each learn from a share of every batch; the first one writes.
"""

import importlib.util
import json
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from replication.encoders.lora.cost import operations_a_sample
from replication.encoders.lora.judge import Judge, shared
from replication.encoders.lora.questions import WORDING, Questioner
from replication.encoders.lora.refusals import refuse_long, refuse_shared
from replication.encoders.sources.adapters import base_digest, load_causal
from replication.encoders.sources.configs import model_config
from replication.files.atomic import write_json
from replication.files.digest import sha256
from replication.files.errors import StudyError
from replication.machine import environment, processes
from replication.machine.precision import autocast, computing_device, resolve_precision
from replication.machine.saved_state import SavedState, whole
from replication.mind.columns.labelled import negatives
from replication.mind.columns.prepared import Impressions, load_prepared, split_last_day
from replication.study import paths
from replication.study.checks import require
from replication.study.encoders import Adapter
from replication.study.params import Params, as_mapping

if TYPE_CHECKING:
    from peft import PeftModel

OBJECTIVE = (
    "negative log-likelihood of the clicked article among 1 + K candidates of its impression, "
    "scored by logit(yes) - logit(no); training days but the last"
)


def adapt(name: str, params: Params) -> tuple[bool, float | None]:
    """Train one adapter of `params.adapters` and write `checkpoints/<name>/`.

    Returns whether it went on from the state of a run that was cut off, and the floating-point
    operations of training a sample, which is a click; None where processes share the weights.
    Errors: `StudyError` where checkpoint or data are missing, targets do not exist in the base,
    nf4 is wanted without a GPU, or the loss is no longer finite.
    """
    require("adapter", name, params.adapters, "the command line")
    adapter = params.adapters[name]
    data = load_prepared(paths.PREPARED)
    base = paths.CHECKPOINTS / adapter.base
    precision, fsdp = resolve_precision(params.training.precision), params.training.launch.fsdp
    base_sha256 = base_digest(adapter.base)
    key = environment.result_key(
        adapter=as_mapping(adapter),
        base=base_sha256,
        data=data.meta["sha256"],
        precision=precision,
        fsdp=fsdp,
    )
    titles = data.articles.title.to_list()
    questioner = Questioner(titles, base, adapter.title_tokens)
    clicks = Clicks.of(split_last_day(data.train)[0])
    refuse_long(name, adapter, questioner, model_config(base))
    model = _lora(name, adapter, base, fsdp)
    alone = Judge(model, questioner.answers)
    judge = shared(alone, fsdp)
    state = SavedState(paths.ADAPTING / name, key)
    curve = _train(name, adapter, judge, questioner, clicks, precision, state)
    weights = {key: whole(p.detach()) for key, p in _trainable(model).items()}
    origin = {
        "encoder": name,
        "source": "adapted",
        "name": adapter.base,
        "revision": None,
        "base": base_sha256,
        "objective": {"loss": OBJECTIVE, "prompt": WORDING},
        "training": {
            "trainable_parameters": sum(t.numel() for t in weights.values()),
            "base_format": adapter.base_format,
            "steps": adapter.max_steps,
            "loss": curve,
        },
    }
    with processes.folder_by_first(paths.CHECKPOINTS / name) as folder:
        if processes.is_first():
            _save(model, weights, folder, origin)
    state.remove()
    operations = None
    if processes.is_first() and not fsdp:
        operations = operations_a_sample(adapter, alone, questioner, clicks, precision)
    return state.notes is not None, operations


@dataclass(frozen=True)
class Clicks:
    """n clicks: the article, (n,) int32, and the row of its impression, (n,) int64.

    Clicks beside which nothing was left unclicked teach nothing and are left out. passed: bool,
    parallel to the impressions' candidates, those among which negatives are drawn.
    """

    impressions: Impressions
    article: np.ndarray
    impression: np.ndarray
    passed: np.ndarray

    @classmethod
    def of(cls, impressions: Impressions) -> "Clicks":
        lengths = impressions.candidates.lengths
        owner = np.repeat(np.arange(len(impressions)), lengths)
        passed = negatives(impressions)
        useful = np.bincount(owner[passed], minlength=len(lengths)) > 0
        chosen = (np.asarray(impressions.labels) == 1) & useful[owner]
        if not chosen.any():
            raise StudyError(
                "adapt: no training impression before the last day has both a click and a "
                "candidate that was not clicked, so there is nothing to learn"
            )
        articles = np.asarray(impressions.candidates.values)
        return cls(impressions, articles[chosen], owner[chosen], passed)

    def draw(self, adapter: Adapter, step: int) -> tuple[list[np.ndarray], np.ndarray]:
        """The batch of one step: b histories, and (b, 1 + K) candidates, the clicked one first.

        Clicks come epoch by epoch in random order; negatives are drawn without replacement.
        """
        places = step * adapter.batch_size + np.arange(adapter.batch_size)
        epochs = places // len(self.article)
        orders = {
            e: np.random.default_rng([adapter.seed, 0, e]).permutation(len(self.article))
            for e in np.unique(epochs)
        }
        rng = np.random.default_rng([adapter.seed, 1, step])
        histories, candidates = [], np.zeros((len(places), 1 + adapter.negatives), np.int64)
        for i, (epoch, place) in enumerate(zip(epochs, places % len(self.article), strict=True)):
            sample = orders[epoch][place]
            row = self.impression[sample]
            history = self.impressions.histories.row(self.impressions.history_row[row])
            histories.append(history[max(0, len(history) - adapter.clicks) :])
            where = self.impressions.candidates.positions(np.array([row]))
            others = np.asarray(self.impressions.candidates.values[where[self.passed[where]]])
            drawn = rng.choice(others, min(len(others), adapter.negatives), replace=False)
            candidates[i, : 1 + len(drawn)] = [self.article[sample], *drawn]
        return histories, candidates


def _lora(name: str, adapter: Adapter, base: Path, fsdp: bool) -> "PeftModel":
    """The base with its weights frozen, and fresh LoRA weights that train.

    It waits in the machine's memory if processes will share it: a GPU need not hold all of it.
    """
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(adapter.seed)
    where = computing_device()
    place = torch.device("cpu") if fsdp else where
    model = load_causal(base, **_weights(name, adapter), device_map={"": place})
    refuse_shared(name, adapter, model)
    if where.type == "cuda":
        model.gradient_checkpointing_enable({"use_reentrant": False})
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=adapter.rank,
        lora_alpha=adapter.alpha,
        lora_dropout=adapter.dropout,
        target_modules=list(adapter.targets),
    )
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):
            return get_peft_model(model, config)
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise StudyError(f"adapters.{name}.targets: {reason}") from None


def _weights(name: str, adapter: Adapter) -> dict[str, Any]:
    """How the frozen base is held, as arguments of `from_pretrained`."""
    if adapter.base_format != "nf4":
        return {"dtype": "float32" if adapter.base_format == "fp32" else "bfloat16"}
    if not torch.cuda.is_available() or importlib.util.find_spec("bitsandbytes") is None:
        raise StudyError(
            f"adapters.{name}.base_format: nf4 needs a GPU and the package bitsandbytes; "
            "accepted without: bf16, fp32"
        )
    from transformers import BitsAndBytesConfig

    four_bits = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
    )
    return {"dtype": "bfloat16", "quantization_config": four_bits}


def _trainable(model: nn.Module) -> dict[str, Tensor]:
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def _train(
    name: str,
    adapter: Adapter,
    judge: nn.Module,
    questioner: Questioner,
    clicks: Clicks,
    precision: str,
    state: SavedState,
) -> list[list[float]]:
    """Train in place. Returns [step, mean loss since the last one] of every `save_every` steps."""
    trained = _trainable(judge)
    optimizer = torch.optim.Adam(trained.values(), lr=adapter.learning_rate, fused=True)
    done, curve, losses = 0, [], []
    if state.notes:
        done, curve = state.notes["step"], state.notes["curve"]
        state.restore(trained, optimizer)
    judge.train()
    with tqdm(total=adapter.max_steps, initial=done, desc=name, unit="batch") as progress:
        for step, loss in _steps(adapter, done, judge, questioner, clicks, precision):
            for group in optimizer.param_groups:  # falls linearly to zero
                group["lr"] = adapter.learning_rate * (1 - step / adapter.max_steps)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained.values(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            losses.append(processes.mean(loss.detach()))
            progress.update()
            step += 1
            if step % adapter.save_every == 0 or step == adapter.max_steps:
                # A GPU is waited for here alone, and not at every step.
                mean_loss = float(np.mean(torch.stack(losses).tolist()))
                if not np.isfinite(mean_loss):
                    raise StudyError(
                        f"adapters.{name}: the loss is not finite at step {step}; lower "
                        "learning_rate"
                    )
                curve.append([step, round(mean_loss, 6)])
                progress.set_postfix(loss=f"{mean_loss:.3f}")
                losses.clear()
                state.save(trained, optimizer, {"step": step, "curve": curve})
    return curve


def _steps(
    adapter: Adapter,
    done: int,
    judge: nn.Module,
    questioner: Questioner,
    clicks: Clicks,
    precision: str,
) -> Iterator[tuple[int, Tensor]]:
    """Each step that is left, and the loss of its batch; of several processes, that of a share, the
    mean of which is the batch's."""
    for step in range(done, adapter.max_steps):
        processes.seed(adapter.seed, 2, step)
        histories, candidates = clicks.draw(adapter, step)
        own, weight = processes.share(len(candidates))
        questions = questioner.ask([histories[i] for i in own], candidates[own])
        questions = questions.to(computing_device())
        with autocast(precision):
            scores = judge(questions)
        scores = scores.masked_fill(~questions.asked, float("-inf"))
        first = scores.new_zeros(len(scores), dtype=torch.int64)  # the clicked one stands there
        yield step, weight * F.cross_entropy(scores, first)


def _save(
    model: "PeftModel", weights: dict[str, Tensor], folder: Path, origin: dict[str, Any]
) -> None:
    """peft's own files, the same at every run and on every machine, and what they came from."""
    base = origin["name"]
    model.active_peft_config.base_model_name_or_path = base
    model.save_pretrained(str(folder), state_dict=weights, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["target_modules"].sort()  # a set, in an order of its own each time
    write_json(path, config)
    shutil.copyfile(paths.CHECKPOINTS / base / "tokenizer.json", folder / "tokenizer.json")
    digests = {p.name: sha256(p) for p in sorted(folder.iterdir())}
    write_json(folder / "source.json", origin | {"sha256": digests})
