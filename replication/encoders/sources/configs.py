"""The config.json of a checkpoint as transformers reads it."""

from pathlib import Path
from typing import TYPE_CHECKING

from replication.encoders.architectures import architecture
from replication.encoders.sources.adapters import model_folder
from replication.encoders.sources.tensors import unloadable
from replication.files.errors import StudyError

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


def config_folder(checkpoint: Path) -> Path:
    """Where a checkpoint's config.json is: with an adapter's base; `StudyError` where it is not."""
    folder = model_folder(checkpoint)
    if not (folder / "config.json").is_file():
        raise StudyError(
            f"{folder}: holds no config.json; run `dvc repro checkpoint@{folder.name}`"
        )
    return folder


def model_config(checkpoint: Path) -> "PreTrainedConfig":
    """The configuration of a checkpoint, of transformers.

    Errors: `StudyError` where it cannot be read, or its architecture is not accepted.
    """
    from transformers import AutoConfig

    folder = config_folder(checkpoint)
    architecture(folder)
    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # whatever the library makes of files that are missing or odd
        raise unloadable(folder, error) from None
