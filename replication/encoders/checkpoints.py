"""Stage `checkpoint`: the pinned bytes of one encoder, on disk, under one name.

Whatever the source, `checkpoints/<encoder>/` ends up with `source.json` (where it came from, and
the sha256 of every file) beside `config.json`, `model.safetensors` and `tokenizer.json`, or beside
`vectors.txt` for word vectors. Only safetensors and JSON are taken: no pickle, no code.
"""

import fnmatch
import hashlib
import importlib.util
import json
import shutil
from pathlib import Path

from replication import paths
from replication.atomic import new_folder, write_json
from replication.errors import StudyError
from replication.params import Encoder, Params, named_encoder

WANTED = ("config.json", "*.safetensors", "*.safetensors.index.json", "tokenizer.json")


def sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fetch_checkpoint(name: str, params: Params) -> None:
    """Fill `checkpoints/<name>/` for one entry of the registry.

    Errors: `StudyError` where the source is missing or a pinned sha256 does not match; the folder
    is then as it was before.
    """
    encoder = named_encoder(params, name)
    with new_folder(paths.CHECKPOINTS / name) as folder:
        if encoder.source == "pretrained":
            from replication.encoders.pretraining import pretrain

            pretrain(encoder, paths.PREPARED, folder)
        else:
            source = _source(name, encoder)
            _check_pins(name, encoder, source)
            if encoder.source == "derived":
                from replication.encoders.words import derive_vectors

                derive_vectors(source, encoder.width, folder / "vectors.txt")
            else:
                _copy(name, encoder, source, folder)
        files = sorted(p for p in folder.iterdir() if p.is_file())
        write_json(
            folder / "source.json",
            {
                "encoder": name,
                "source": encoder.source,
                "name": encoder.name,
                "revision": encoder.revision,
                "sha256": {p.name: sha256(p) for p in files},
            },
        )


def checkpoint_digest(name: str) -> dict:
    """What `source.json` says of a checkpoint: its origin and the sha256 of its files."""
    path = paths.CHECKPOINTS / name / "source.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        raise StudyError(f"{path}: missing or damaged; run `dvc repro checkpoint@{name}`") from None


def _source(name: str, encoder: Encoder) -> Path:
    if encoder.source in ("package", "derived"):
        package, _, inside = encoder.name.partition("/")
        found = importlib.util.find_spec(package)
        if found is None or not found.submodule_search_locations:
            raise StudyError(
                f"encoders.{name}.name: the package {package} is not installed; run `make setup`"
            )
        return Path(found.submodule_search_locations[0]) / inside
    if encoder.source == "folder":
        if not Path(encoder.name).is_dir():
            raise StudyError(f"encoders.{name}.name: {encoder.name} is not a folder")
        return Path(encoder.name)
    return _download(name, encoder)


def _download(name: str, encoder: Encoder) -> Path:
    """The hub's snapshot at the pinned revision: resumed where it was cut off, kept in its cache."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    patterns = [
        *WANTED,
        "tokenizer_config.json",
        "special_tokens_map.json",
        "vocab.*",
        "merges.txt",
    ]
    try:
        return Path(
            snapshot_download(encoder.name, revision=encoder.revision, allow_patterns=patterns)
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise StudyError(
            f"encoders.{name}: {encoder.name} at {encoder.revision} could not be had from the hub "
            f"({reason}); check the name, the network and HF_TOKEN, or use source: folder"
        ) from None


def _check_pins(name: str, encoder: Encoder, source: Path) -> None:
    for file, expected in encoder.sha256.items():
        path = source / file
        if not path.is_file():
            raise StudyError(f"encoders.{name}.sha256: {path} does not exist")
        if (found := sha256(path)) != expected:
            raise StudyError(
                f"encoders.{name}.sha256: {path} has sha256 {found}, expected {expected}; "
                "the file is not the pinned one: install the pinned version again"
            )


def _copy(name: str, encoder: Encoder, source: Path, folder: Path) -> None:
    for path in sorted(source.iterdir()):
        if any(fnmatch.fnmatch(path.name, pattern) for pattern in WANTED):
            shutil.copyfile(path, folder / path.name)
    if not (
        folder / "tokenizer.json"
    ).exists():  # an old checkpoint: make the fast tokenizer's file
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    if not any(folder.glob("*.safetensors")):
        raise StudyError(
            f"encoders.{name}: {source} holds no .safetensors file; pickled weights are not loaded"
        )
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    for key, expected in (("hidden_size", encoder.width), ("num_hidden_layers", encoder.layers)):
        found = config.get(key)
        # Fewer layers than the checkpoint has is a choice (its first ones are used), more is not.
        if found != expected and not (key == "num_hidden_layers" and (found or 0) > expected):
            raise StudyError(f"encoders.{name}: {key} is {found} in config.json, not {expected}")
