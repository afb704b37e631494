"""Checkpoints that are pickled alone (pytorch_model.bin), turned into safetensors once.

Only a file that the registry names is read (its sha256, or null where the revision alone pins it),
by a process that has no token and no setting of ours: see `unpickling.py`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from replication.encoders.sources import unpickling
from replication.files.atomic import write_json
from replication.files.documents import read_json
from replication.files.errors import StudyError
from replication.study.encoders import Encoder

PICKLED = "pytorch_model.bin"
SAFE = ("model.safetensors", "model.safetensors.index.json")
_SECONDS = 900  # that the other process may take
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT", "TEMP")
_BERT = {"hidden_size", "intermediate_size", "num_attention_heads", "type_vocab_size", "vocab_size"}


def needs_pickled(encoder: Encoder, source: Path) -> bool:
    """Whether `source` has no safetensors, while the registry names its pickled weights."""
    return PICKLED in encoder.sha256 and not any((source / name).is_file() for name in SAFE)


def unpickle(where: str, source: Path, digest: str | None, folder: Path) -> None:
    """Write config.json and model.safetensors to `folder`, from the pickled weights in `source`.

    digest  sha256 of the pickled file, which the other process checks again; None: it is missing
    The oldest configurations do not say which architecture they are for; those of a BERT get it.
    Errors: `StudyError` where the file holds anything but tensors, or takes too much time or
    memory; nothing of it was run.
    """
    path, target = source / PICKLED, folder / "model.safetensors"
    if digest is None:
        raise StudyError(f"{where}: {source} holds neither {SAFE[0]} nor {PICKLED}")
    _config(where, source / "config.json", folder / "config.json")
    environment = {k: v for k, v in os.environ.items() if k in _PASSED_ON}
    command = [sys.executable, "-P", unpickling.__file__, str(path.resolve()), digest]
    try:
        done = subprocess.run(
            [*command, str(target.resolve())],
            env=environment | {"OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise StudyError(f"{where}: {path}: refused: not read in {_SECONDS} seconds") from None
    if done.returncode:
        lines = [*done.stderr.split("\n"), *done.stdout.split("\n")]
        problem = next((line for line in reversed(lines) if line.strip()), "its reader was killed")
        raise StudyError(
            f"{where}: {path}: refused: {problem[:300]}; expected tensors alone, as they were "
            "published: get it again, or use source: folder with safetensors"
        )


def _config(where: str, source: Path, target: Path) -> None:
    try:
        config = read_json(source)
    except StudyError as error:
        raise StudyError(f"{where}: no config.json that can be read: {error}") from None
    if "model_type" not in config and config.keys() >= _BERT:
        write_json(target, {"model_type": "bert", "architectures": ["BertModel"], **config})
    else:
        target.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
