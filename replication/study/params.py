"""Read params.yaml: an unknown, ill-typed or impossible key is an error that names it."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter

from replication.files.documents import read_yaml, validated
from replication.study import paths
from replication.study.checks import check, check_experiment, known_protocols, require
from replication.study.encoders import Encoder
from replication.study.protocol import DEVIATIONS, Protocol
from replication.study.settings import Params, Schedule, Text

__all__ = [
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
]


def load_params(path: Path = paths.PARAMS) -> Params:
    """Read and check the whole of params.yaml before any work is done.

    Errors: `StudyError` naming the key and the accepted values.
    """
    params = validated(Params, read_yaml(path), path)
    check(params, path)
    return params


def load_protocol(name: str) -> Protocol:
    """The protocol group `conf/protocol/<name>.yaml`."""
    require("protocol", name, known_protocols(), paths.PROTOCOLS)
    path = paths.PROTOCOLS / f"{name}.yaml"
    return validated(Protocol, read_yaml(path), path)


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
    part: str = "top",
) -> Params:
    """`params` with the experiment at hand replaced by one cell of the grid.

    layers: fine-tuned depth; None: the encoder's own, as the registry has it. part: of PARTS.
    """
    cell = replace(
        params,
        recommender=recommender,
        encoder=encoder,
        tuning=cast(Any, tuning),  # checked as it is put in
        protocol=load_protocol(protocol),
        seed=seed,
    )
    own = named_encoder(params, encoder).finetune_layers
    depth = own if layers is None else layers
    cell = replace(cell, finetune_layers=depth, tuned_parts=cast(Any, part))
    check_experiment(cell, Path("the command line"))
    return cell


def named_encoder(params: Params, name: str) -> Encoder:
    """The registry's entry `name`; `StudyError` naming the accepted ones."""
    require("encoder", name, params.registry, "the command line")
    return params.registry[name]


def as_mapping(value: Any) -> Any:
    """Dataclasses -> plain mappings, for JSON."""
    return TypeAdapter(type(value)).dump_python(value, mode="json")
