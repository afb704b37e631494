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

from replication.encoders.lora.clicks import Clicks
from replication.encoders.lora.cost import operations_a_sample
from replication.encoders.lora.held_out import judged, scored, told
from replication.encoders.lora.judge import Judge, shared
from replication.encoders.lora.questions import WORDING, Questioner
from replication.encoders.lora.refusals import refuse_long, refuse_shared
from replication.encoders.sources.adapters import base_digest, load_causal
from replication.encoders.sources.configs import model_config
from replication.encoders.sources.held import in_four_bits
from replication.files.atomic import write_json
from replication.files.digest import sha256
from replication.files.errors import StudyError
from replication.machine import environment, processes
from replication.machine.precision import computing_device, resolve_precision
from replication.machine.saved_state import SavedState, state_of, whole
from replication.mind.columns.prepared import load_prepared, split_last_day
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
        (*environment.ENCODERS, "encoders/lora"),
        adapter=as_mapping(adapter),
        base=base_sha256,
        data=data.meta["sha256"],
        precision=precision,
        fsdp=fsdp,
    )
    titles = data.articles.title.to_list()
    questioner = Questioner(titles, base, adapter.title_tokens)
    learned, held_out = (Clicks.of(part) for part in split_last_day(data.train))
    refuse_long(name, adapter, questioner, model_config(base))
    model = _lora(name, adapter, base, params.encoders[adapter.base].layers, fsdp)
    alone = Judge(model, questioner.answers)
    judge = shared(alone, fsdp)
    training = Training(name, adapter, judge, questioner, precision)
    with state_of(paths.ADAPTING / name, key) as state:
        curve, on_held_out = training.run(learned, held_out, state)
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
                "held_out": on_held_out,
            },
        }
        with processes.folder_by_first(paths.CHECKPOINTS / name) as folder:
            if processes.is_first():
                _save(model, weights, folder, origin)
    operations = None
    if processes.is_first() and not fsdp:
        operations = operations_a_sample(adapter, alone, questioner, learned, precision)
    return state.notes is not None, operations


def _lora(name: str, adapter: Adapter, base: Path, layers: int, fsdp: bool) -> "PeftModel":
    """The first `layers` layers of the base, frozen, and fresh LoRA weights that train.

    It waits in the machine's memory if processes will share it: a GPU need not hold all of it.
    """
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(adapter.seed)
    where = computing_device()
    place = torch.device("cpu") if fsdp else where
    held = _weights(name, adapter)
    model = load_causal(base, **held, num_hidden_layers=layers, device_map={"": place})
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
    return in_four_bits(f"adapters.{name}.base_format", "bf16, fp32")


def _trainable(model: nn.Module) -> dict[str, Tensor]:
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


@dataclass(frozen=True)
class Training:
    """What the steps of a training share; `judge` trains in place."""

    name: str
    adapter: Adapter
    judge: nn.Module
    questioner: Questioner
    precision: str

    def run(
        self, learned: Clicks, held_out: Clicks, state: SavedState
    ) -> tuple[list[list[float]], dict[str, dict[str, float] | None]]:
        """[step, mean loss since the last one] of every `save_every` steps, and what is `told` of
        the clicks held out, before and after."""
        name, adapter, judge = self.name, self.adapter, self.judge
        trained = _trainable(judge)
        optimizer = torch.optim.Adam(trained.values(), lr=adapter.learning_rate, fused=True)
        done, curve, losses = 0, [], []
        if state.notes:
            done, curve, before = (state.notes[key] for key in ("step", "curve", "before"))
            before = torch.tensor(before)
            state.restore(trained, optimizer)
        else:
            before = self._judged(held_out)
        judge.train()
        with tqdm(total=adapter.max_steps, initial=done, desc=name, unit="batch") as progress:
            for step, loss in self._steps(learned, done):
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
                    # This loop waits for a GPU here alone, and not at every step.
                    mean_loss = float(np.mean(torch.stack(losses).tolist()))
                    if not np.isfinite(mean_loss):
                        raise StudyError(
                            f"adapters.{name}: the loss is not finite at step {step}; lower "
                            "learning_rate"
                        )
                    curve.append([step, round(mean_loss, 6)])
                    progress.set_postfix(loss=f"{mean_loss:.3f}")
                    losses.clear()
                    notes = {"step": step, "curve": curve, "before": before.tolist()}
                    state.save(trained, optimizer, notes)
        return curve, told(before, self._judged(held_out))

    def _steps(self, clicks: Clicks, done: int) -> Iterator[tuple[int, Tensor]]:
        """Each step that is left, and the loss of its batch; of several processes, that of a share,
        the mean of which is the batch's."""
        for step in range(done, self.adapter.max_steps):
            processes.seed(self.adapter.seed, 2, step)
            batch = clicks.draw(self.adapter, step)
            scores, weight = scored(self.judge, self.questioner, batch, self.precision)
            first = scores.new_zeros(len(scores), dtype=torch.int64)  # the clicked one stands there
            yield step, weight * F.cross_entropy(scores, first)

    def _judged(self, clicks: Clicks) -> Tensor:
        return judged(self.judge, self.questioner, clicks, self.adapter, self.precision)


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
