"""Safetensors files that nobody vouches for, and what transformers makes of them."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replication.files.errors import StudyError

if TYPE_CHECKING:
    from safetensors import safe_open
    from transformers import AutoModel, AutoModelForCausalLM, PreTrainedModel


@contextmanager
def opened(path: Path) -> "Iterator[safe_open]":
    """The tensors of a safetensors file as NumPy arrays, by `safe_open`.

    Errors: `StudyError` naming a file that is missing, cut short or no safetensors, or that lacks
    the tensor asked for.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="np") as tensors:
            yield tensors
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file; expected safetensors") from None
    except (SafetensorError, OSError, TypeError) as error:  # TypeError: bfloat16 is not NumPy's
        raise StudyError(
            f"{path}: cannot be read as safetensors ({_told(error)}); expected the whole file as "
            "it was published: get it again"
        ) from None


def load_pretrained(
    kind: "type[AutoModel | AutoModelForCausalLM]", folder: Path, **options: Any
) -> "PreTrainedModel":
    """`kind.from_pretrained(folder)`: from safetensors alone, no code of theirs, all weights there.

    transformers draws at random whatever a checkpoint lacks; here that is an error, but for the
    pooler, which is not used.
    Errors: `StudyError` naming `folder` where its files are damaged or do not go together.
    """
    from transformers.utils import logging

    logging.set_verbosity_error()  # its report on unused layers is what we asked for
    logging.disable_progress_bar()
    remedy = f"run `dvc repro checkpoint@{folder.name}`"
    try:
        found: Any = kind.from_pretrained(  # a pair, for its output_loading_info
            folder,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
            **options,
        )
    except MemoryError:
        raise
    except Exception as error:  # whatever the library makes of files that are missing or odd
        raise unloadable(folder, error) from None
    model, told = found
    missing = sorted(key for key in told["missing_keys"] if "pooler" not in key.split("."))
    if missing:
        raise StudyError(
            f"{folder}: holds no {missing[0]}, one of {len(missing)} tensors that are missing; "
            f"expected all weights of the model that its config.json describes; {remedy}"
        )
    return model


def unloadable(folder: Path, error: Exception) -> StudyError:
    """That transformers cannot load the checkpoint in a folder, with its reason and the remedy."""
    remedy = f"run `dvc repro checkpoint@{folder.name}`"
    return StudyError(f"{folder}: cannot be loaded ({_told(error)}); {remedy}")


def _told(error: Exception) -> str:
    return textwrap.shorten(str(error), 200) or type(error).__name__
