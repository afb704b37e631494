"""Read params.yaml: an unknown, ill-typed or impossible key is an error that names it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from replication import paths
from replication.checks import RECOMMENDER_NAMES, check, known_protocols, require
from replication.errors import StudyError
from replication.protocol import DEVIATIONS, Protocol
from replication.settings import Encoder, Params, Schedule, Text

__all__ = [
    "RECOMMENDER_NAMES",
    "Encoder",
    "Params",
    "Schedule",
    "Text",
    "as_mapping",
    "flipped",
    "grid_cell",
    "load_params",
    "load_protocol",
    "named_encoder",
    "protocol_label",
    "read_yaml",
]


def read_yaml(path: Path) -> Any:
    """A YAML 1.2 file by the safe loader (PyYAML would read `1e-05` as a string)."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file; run from the project's folder") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None


def _parse(kind: type, value: Any, path: Path) -> Any:
    try:
        # The JSON route: strict types, yet lists become tuples. A date becomes its text.
        return TypeAdapter(kind).validate_json(json.dumps(value, default=str), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "(top level)"
        if first["type"] == "unexpected_keyword_argument":
            accepted = ", ".join(_keys_beside(kind, first["loc"]))
            raise StudyError(f"{path}: unknown key {key}; accepted: {accepted}") from None
        if first["type"] in ("missing", "missing_argument"):
            raise StudyError(f"{path}: {key}: is missing") from None
        raise StudyError(f"{path}: {key}: {first['msg']} (given: {first['input']!r})") from None


def _keys_beside(kind: type, location: tuple) -> list[str]:
    """The keys that are accepted where `location` ends."""
    for part in location[:-1]:
        if get_origin(kind) is dict:
            kind = get_args(kind)[1]
        else:
            kind = kind.__dataclass_fields__[part].type
        # `Pretraining | None` stands for its dataclass; a dict is entered by its next key.
        if get_origin(kind) is not dict:
            kind = next((k for k in get_args(kind) if hasattr(k, "__dataclass_fields__")), kind)
    return sorted(kind.__dataclass_fields__)


def load_params(path: Path = paths.PARAMS) -> Params:
    """Read and check the whole of params.yaml before any work is done.

    Errors: `StudyError` naming the key and the accepted values.
    """
    params = _parse(Params, read_yaml(path), path)
    check(params, path)
    return params


def load_protocol(name: str) -> Protocol:
    """The protocol group `conf/protocol/<name>.yaml`."""
    require("protocol", name, known_protocols(), paths.PROTOCOLS)
    path = paths.PROTOCOLS / f"{name}.yaml"
    return _parse(Protocol, read_yaml(path), path)


def protocol_label(protocol: Protocol) -> str:
    """The protocol's name, with the deviations in which it differs from that group: `clean~D4`."""
    group = load_protocol(protocol.name)
    flipped = [
        name
        for name, keys in DEVIATIONS.items()
        if any(getattr(protocol, key) != getattr(group, key) for key in keys)
    ]
    return "~".join([protocol.name, *flipped])


def flipped(base: str, deviation: str) -> Protocol:
    """Protocol group `base` with one deviation as the other group has it: `D4`, or `none`."""
    protocol = load_protocol(base)
    other = load_protocol("released" if base == "clean" else "clean")
    keys = DEVIATIONS[deviation] if deviation != "none" else ()
    return replace(protocol, **{key: getattr(other, key) for key in keys})


def grid_cell(
    params: Params,
    recommender: str,
    encoder: str,
    tuning: str,
    protocol: str,
    seed: int,
    layers: int | None = None,
) -> Params:
    """`params` with the experiment at hand replaced by one cell of the grid.

    layers: fine-tuned depth; None: the encoder's own, as the registry has it.
    """
    cell = replace(
        params,
        recommender=recommender,
        encoder=encoder,
        tuning=tuning,
        protocol=load_protocol(protocol),
        seed=seed,
    )
    own = named_encoder(params, encoder).finetune_layers
    cell = replace(cell, finetune_layers=own if layers is None else layers)
    check(cell, Path("the command line"))
    return cell


def named_encoder(params: Params, name: str) -> Encoder:
    """The registry's entry `name`; `StudyError` naming the accepted ones."""
    require("encoder", name, params.registry, "the command line")
    return params.registry[name]


def as_mapping(value: Any) -> Any:
    """Dataclasses -> plain mappings, for JSON."""
    return TypeAdapter(type(value)).dump_python(value, mode="json")
