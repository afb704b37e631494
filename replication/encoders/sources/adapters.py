"""LoRA adapters on disk: applied to their base and merged, in memory or as a checkpoint.

`checkpoints/<adapter>/` holds no model: peft's own two files, the base's tokenizer, and a
`source.json` that names the base and its digest.
"""

import shutil
import textwrap
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replication.encoders.architectures import attention
from replication.encoders.sources.checkpoints import checkpoint_digest
from replication.encoders.sources.tensors import load_pretrained
from replication.files.atomic import new_folder
from replication.files.digest import sha256
from replication.files.errors import StudyError
from replication.study import paths
from replication.study.checks import require
from replication.study.params import Params

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel


def is_adapter(checkpoint: Path) -> bool:
    """Whether a checkpoint is an adapter, which needs its base."""
    return (checkpoint / "adapter_config.json").is_file()


def require_adapter(checkpoint: Path) -> None:
    """`StudyError` naming the stage to run, unless `checkpoint` is an adapter."""
    if not is_adapter(checkpoint):
        raise StudyError(f"{checkpoint}: holds no adapter; run `dvc repro adapt@{checkpoint.name}`")


def base_digest(base: str) -> str:
    """What names the bytes of a base in its adapters' source.json."""
    checkpoint_digest(base)  # there, and readable
    return sha256(paths.CHECKPOINTS / base / "source.json")


def model_folder(checkpoint: Path) -> Path:
    """Where the whole model's weights are: the base of an adapter, else the checkpoint itself.

    Merging adds no parameter, so an adapted model has as many as its base.
    Errors: `StudyError` where the base is missing, or not the one that was adapted.
    """
    if not is_adapter(checkpoint):
        return checkpoint
    origin = checkpoint_digest(checkpoint.name)
    if base_digest(origin["name"]) != origin["base"]:
        raise StudyError(
            f"{checkpoint}: was made from another {origin['name']} than is now at "
            f"{paths.CHECKPOINTS / origin['name']}; run `dvc repro adapt@{checkpoint.name}`"
        )
    return paths.CHECKPOINTS / origin["name"]


def load_causal(checkpoint: Path, dtype: str, **options: Any) -> "PreTrainedModel":
    """A causal model under its language-model head, by transformers; an adapter is merged into it.

    dtype   of its weights, such as "bfloat16"; "auto": as they are stored
    options of `from_pretrained`, such as num_hidden_layers
    """
    from transformers import AutoModelForCausalLM

    folder = model_folder(checkpoint)
    model = load_pretrained(
        AutoModelForCausalLM,
        folder,
        attn_implementation=attention(folder),
        dtype=dtype,
        **options,
    )
    if folder != checkpoint:
        model = _adapted(model, checkpoint).merge_and_unload()
    return model.eval()


def _adapted(model: "PreTrainedModel", checkpoint: Path) -> "PeftModel":
    from peft import PeftModel

    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):
            return PeftModel.from_pretrained(model, checkpoint, local_files_only=True)
    except Exception as error:  # whatever the library makes of files that are missing or odd
        raise StudyError(
            f"{checkpoint}: the adapter cannot be loaded ({textwrap.shorten(str(error), 200)}); "
            f"run `dvc repro adapt@{checkpoint.name}`"
        ) from None


def merge(name: str, params: Params, out: Path) -> None:
    """Write an adapter and its base as one model to the new folder `out`.

    Plain transformers loads it, and so does a registry entry of `source: folder`. Weights keep the
    number format of the base.
    Errors: `StudyError` where `out` exists, or a checkpoint is missing or has changed.
    """
    require("adapter", name, params.adapters, "the command line")
    checkpoint = paths.CHECKPOINTS / name
    require_adapter(checkpoint)
    if out.exists():
        raise StudyError(f"{out}: exists already; name a new folder")
    layers = params.registry[name].layers
    model = load_causal(checkpoint, "auto", num_hidden_layers=layers)
    with new_folder(out) as folder:
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        shutil.copyfile(checkpoint / "tokenizer.json", folder / "tokenizer.json")
