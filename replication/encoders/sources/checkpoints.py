"""Stage `checkpoint`: the pinned bytes of one encoder, on disk, under one name.

Whatever the source, `checkpoints/<encoder>/` ends up with `source.json` (where it came from, and
the sha256 of every file) beside `config.json`, `tokenizer.json` and `model.safetensors` (or the
shards that its index names), or beside `vectors.txt` for word vectors. Only safetensors and JSON
are taken, and no code; of pickled weights that the registry names, the tensors (`pickled.py`).
"""

import importlib.util
import os
import re
import shutil
import sys
import textwrap
from pathlib import Path
from typing import Any

from replication.encoders.architectures import accepted, remark, size_of
from replication.encoders.sources.counts import weight_counts
from replication.encoders.sources.hub import snapshot
from replication.encoders.sources.kinds.base import Source
from replication.encoders.sources.pickled import PICKLED, needs_pickled, unpickle
from replication.encoders.sources.pins import check_pins
from replication.encoders.sources.places import tell_terms
from replication.encoders.sources.tensors import opened
from replication.encoders.tokens import load_tokenizer
from replication.files.atomic import new_folder, write_json
from replication.files.digest import sha256
from replication.files.documents import read_json
from replication.files.errors import StudyError, shown
from replication.study import paths
from replication.study.encoders import Tokenizer
from replication.study.params import Encoder, Params, named_encoder
from replication.study.registry import SOURCES

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
TOKENIZER = ("tokenizer*.json", "special_tokens_map.json", "vocab.*", "merges.txt")


def fetch_checkpoint(name: str, params: Params) -> None:
    """Fill `checkpoints/<name>/` for one entry of the registry.

    Errors: `StudyError` where the source is missing or a pinned sha256 does not match; the folder
    is then as it was before.
    """
    encoder = named_encoder(params, name)
    kind: Source = SOURCES[encoder.source]
    pickled = {}
    with new_folder(paths.CHECKPOINTS / name) as folder:
        source = kind.found(name, encoder)
        if source:
            found = held(name, encoder, source)
            if needs_pickled(encoder, source):
                unpickle(f"encoders.{name}", source, found.get(PICKLED), folder)
                pickled = {"pickled": {PICKLED: found[PICKLED]}}
        kind.write(name, encoder, source, folder)
        files = sorted(p for p in folder.iterdir() if p.is_file())
        write_json(
            folder / "source.json",
            {
                "encoder": name,
                "source": encoder.source,
                "name": encoder.name,
                "revision": encoder.revision,
                "sha256": {p.name: sha256(p) for p in files},
                **pickled,
            },
        )


def checkpoint_digest(name: str) -> dict[str, Any]:
    """What `source.json` says of a checkpoint: its origin and the sha256 of its files."""
    path = paths.CHECKPOINTS / name / "source.json"
    try:
        found = read_json(path)
    except StudyError as error:
        raise StudyError(f"{error}; run `dvc repro checkpoint@{name}`") from None
    if not isinstance(found.get("sha256"), dict):
        raise StudyError(f"{path}: sha256: is missing; run `dvc repro checkpoint@{name}`")
    return found


def parameter_count(checkpoint: Path, layers: int) -> int:
    """Parameters of a transformer's first `layers` layers, its embeddings and its last norm.

    Poolers and the heads of pre-training are left out.
    """
    return weight_counts(checkpoint, layers).total


def package_folder(name: str, location: str) -> Path:
    """`package/folder/inside` of an installed package, found without importing it."""
    package, _, inside = location.partition("/")
    outer = package.partition(".")[0]  # without it, looking for what is inside is an error
    named = all(part.isidentifier() for part in package.split("."))
    found = named and importlib.util.find_spec(outer) and importlib.util.find_spec(package)
    if not found or not found.submodule_search_locations:
        raise StudyError(
            f"encoders.{name}.name: the package {package} is not installed; run `make setup`"
        )
    folder = Path(found.submodule_search_locations[0]) / inside
    if not folder.is_dir():
        raise StudyError(f"encoders.{name}.name: {package} is installed, but has no {inside}")
    return folder


def download(name: str, encoder: Encoder, cache: Path | None = None) -> Path:
    """The hub's snapshot at the pinned revision: kept in its cache, resumed if it was cut off.

    cache   where that is; None: where the hub's client keeps it
    Errors: as those of `snapshot`, and where no revision is pinned.
    """
    if encoder.revision is None:
        raise StudyError(
            f"encoders.{name}.revision: is null, for the commit of {encoder.name} to pin is not "
            f"known; choose one from the commit list on the model's page and add "
            f"-S encoders.{name}.revision=<40 hex digits>, or do without: -S "
            f"'~encoders.{name}' and leave it out of grid.encoders and paper"
        )
    tell_terms(encoder.name)
    pinned = f"encoders.{name}", encoder.name, encoder.revision
    folder = snapshot(*pinned, ["config.json", INDEX, *TOKENIZER], cache)
    folder = snapshot(*pinned, ["config.json", *weight_files(name, folder)], cache)
    if needs_pickled(encoder, folder):
        folder = snapshot(*pinned, ["config.json", PICKLED], cache)
    return folder


def download_tokenizer(name: str, entry: Tokenizer, cache: Path | None = None) -> Path:
    """The same of a tokenizer from elsewhere, held against its pins. Errors: as of both."""
    where = f"encoders.{name}.tokenizer"
    folder = snapshot(where, entry.name, entry.revision, ["config.json", *TOKENIZER], cache)
    check_pins(where, entry.sha256, folder)
    return folder


def weight_files(name: str, source: Path) -> list[str]:
    """Names of the files that hold the weights: one, or the shards of an index."""
    if not (source / INDEX).is_file():
        return [WEIGHTS]
    try:
        shards = set(read_json(source / INDEX)["weight_map"].values())
        wrong = [s for s in shards if not re.fullmatch(r"[\w-][\w.-]*\.safetensors", s)]
    except (StudyError, KeyError, TypeError, AttributeError):
        shards, wrong = set(), []
    if wrong or not shards:
        raise StudyError(
            f"encoders.{name}: {source / INDEX}: expected safetensors files in its own folder, "
            f"found {min(wrong, default='no table of weights')!r}"
        )
    return sorted(shards)


def held(name: str, encoder: Encoder, source: Path) -> dict[str, str]:
    """The sha256 of each pinned file of an encoder's source. Errors: as those of `check_pins`."""
    unused = () if needs_pickled(encoder, source) else (PICKLED,)
    pins = {file: pin for file, pin in encoder.sha256.items() if file not in unused}
    return check_pins(f"encoders.{name}", pins, source)


def place_files(name: str, encoder: Encoder, source: Path, folder: Path) -> None:
    """Copy config, weights and tokenizer of a language model from `source` to `folder`.

    Weights that were made of pickled ones are there already. A tokenizer may be from elsewhere.
    Errors: `StudyError` naming what is missing, damaged or not of the size that the entry says.
    """
    weights = weight_files(name, source)
    made = (folder / WEIGHTS).is_file()  # of pickled weights
    _check_files(name, encoder, folder if made else source, weights)
    for file in () if made else ("config.json", INDEX, *weights):
        if (source / file).is_file():
            _place(source / file, folder / file, encoder.source)
    if encoder.tokenizer is not None:
        source = download_tokenizer(name, encoder.tokenizer)
    if (source / "tokenizer.json").is_file():
        load_tokenizer(source)  # refuses a damaged one
        shutil.copyfile(source / "tokenizer.json", folder / "tokenizer.json")
    else:
        _convert_tokenizer(name, source, folder / "tokenizer.json")


def _check_files(name: str, encoder: Encoder, source: Path, weights: list[str]) -> None:
    """The files are there, and of the size that the registry says."""
    try:
        config = read_json(source / "config.json")
    except StudyError as error:
        raise StudyError(
            f"encoders.{name}: {source} holds no config.json that can be read: {error}"
        ) from None
    for file in weights:
        if not (source / file).is_file():
            # The oldest checkpoints do not say which architecture they are: they are BERTs.
            kind = "AutoModel" if "model_type" in config else "BertModel"
            hub = encoder.source == "hub"
            pin = f", revision='{encoder.revision}'" if hub else ""
            origin = encoder.name if hub else source
            raise StudyError(
                f"encoders.{name}: {origin} holds no {file}, and pickled weights are not loaded "
                f"unless their sha256 is pinned (pytorch_model.bin under encoders.{name}.sha256); "
                f'or convert them once with `python -c "from transformers import {kind} as M; '
                f"M.from_pretrained('{encoder.name}'{pin}).save_pretrained('models/{name}')\"` and "
                f"add -S encoders.{name}.source=folder -S encoders.{name}.name=models/{name}"
            )
        with opened(source / file):  # its header, and that the file is as long as that says
            pass
    if "model_type" not in config:
        raise StudyError(f"encoders.{name}: {source / 'config.json'}: model_type is missing")
    parts = accepted(config, encoder.family, f"encoders.{name}")
    if (told := remark(parts)) is not None:
        print(f"encoders.{name}: {told}", file=sys.stderr)
    for key, expected in (("hidden_size", encoder.width), ("num_hidden_layers", encoder.layers)):
        found = size_of(config, key, parts)
        # Fewer layers than the checkpoint has is a choice (its first ones are used), more is not.
        number = isinstance(found, int) and not isinstance(found, bool)
        more = key == "num_hidden_layers" and number and found > expected
        if not number or (found != expected and not more):
            raise StudyError(
                f"encoders.{name}: {key} is {shown(found)} in config.json, not {expected}"
            )


def _place(path: Path, target: Path, source: str) -> None:
    """Copy a file; from the hub's cache, whose files never change in place, a hard link will do."""
    if source == "hub":
        try:
            os.link(path.resolve(), target)
            return
        except OSError:  # another file system
            pass
    shutil.copyfile(path, target)


def _convert_tokenizer(name: str, source: Path, path: Path) -> None:
    """Write the fast tokenizer's file of an old checkpoint, which has its vocabulary alone."""
    from transformers import AutoTokenizer

    refusal = f"encoders.{name}: {source} holds no tokenizer.json, nor can one be made"

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            source, trust_remote_code=False, local_files_only=True
        )
    except Exception as error:  # whatever the library makes of files that are missing or odd
        raise StudyError(f"{refusal}: {textwrap.shorten(str(error), 200)}") from None
    for file in set(tokenizer.vocab_files_names.values()) - {"tokenizer.json"}:
        if not (source / file).is_file():  # the library would make one that knows no word
            raise StudyError(f"{refusal}: {file} is missing")
    tokenizer.backend_tokenizer.save(str(path))
