"""What types cannot say of parameters: names that exist, depths in range, a grid to run."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from replication.files.errors import StudyError, shown
from replication.files.listing import files_in
from replication.study import paths
from replication.study.entries import (
    STAGE,
    check_adapter,
    check_encoder,
    check_name,
    refuse_held,
)
from replication.study.numbers import check_numbers
from replication.study.parts import PARTS, part_called, part_named
from replication.study.protocol import DEVIATIONS
from replication.study.registry import FAMILIES, RECOMMENDERS, SOURCES, data_set
from replication.study.settings import Params

FSDP_FORMATS = ("bf16", "fp32")


def known_protocols() -> list[str]:
    """Names of the protocol groups in conf/protocol."""
    return [path.stem for path in files_in(paths.PROTOCOLS, "*.yaml")]


def require(key: str, value: Any, accepted: Collection[Any], where: Any) -> None:
    """`StudyError` naming the key and what is accepted, unless `value` is among it."""
    if value not in accepted:
        listed = ", ".join(str(a) for a in accepted)
        raise StudyError(f"{where}: {key}: {value!r} is not accepted; accepted: {listed}")


def check(params: Params, where: Path) -> None:
    """Raise `StudyError` naming the first key that is impossible, and what is accepted."""
    named: dict[str, Iterable[str]] = {
        f"{where}: encoders": params.encoders,
        f"{where}: adapters": params.adapters,
        f"{where}: audit.pairs": params.audit.pairs,
        "the list of recommenders": RECOMMENDERS,
        f"{paths.PROTOCOLS}": known_protocols(),
    }
    for key, names in named.items():
        for name in names:
            check_name(key, name, STAGE, "letters, digits and _ -")
    data_set(params).check(params, where)
    for name, entry in params.encoders.items():
        require(f"encoders.{name}.family", entry.family, FAMILIES, where)
        require(f"encoders.{name}.source", entry.source, SOURCES, where)
    for name, adapter in params.adapters.items():
        require(f"adapters.{name}.base", adapter.base, params.encoders, where)
        check_adapter(name, adapter, params.encoders, where)
    check_experiment(params, where)
    _check_launch(params, where)
    for name, entry in params.encoders.items():
        check_encoder(name, entry, where)
    _check_grid(params, where)
    _check_analyses(params, where)


def check_experiment(params: Params, where: Path) -> None:
    """The same of the experiment at hand: all that can be wrong of another one, where parameters
    that have passed `check` are given it."""
    require("recommender", params.recommender, RECOMMENDERS, where)
    require("encoder", params.encoder, params.registry, where)
    encoder = params.registry[params.encoder]
    family = FAMILIES[encoder.family]
    if params.tuning == "finetuned":
        if family.by_lora and not params.tunes_lora:
            raise StudyError(
                f"{where}: tuning: {params.encoder} is a {encoder.family} language model, whose "
                "fine-tuning is an encoder of its own "
                f"({', '.join(params.adapters) or 'none is declared'}); accepted: frozen, or "
                "tuned_parts: lora"
            )
        if family.by_lora:
            _check_tuned_in_place(params, where)
        # The depth means nothing to word vectors, which have no layers.
        if family.trains_layers and not 0 <= params.finetune_layers <= encoder.layers:
            raise StudyError(
                f"{where}: finetune_layers: {params.finetune_layers} is not accepted; "
                f"accepted: 0 to {encoder.layers}, the layers of {params.encoder}"
            )
        _check_part(params, where)
    check_numbers(params, where)
    _check_heads(params, where)


def _check_tuned_in_place(params: Params, where: Path) -> None:
    """Of what the release does with other encoders, or with frozen ones, a causal model that is
    tuned in a recommender does nothing."""
    refuse_held(f"{where}: encoder", params.encoder, params.registry[params.encoder])
    accepted = {"prompt": "kept", "frozen_dropout": False, "tune_embeddings": False}
    for key, value in accepted.items():
        if (given := getattr(params.protocol, key)) != value:
            raise StudyError(
                f"{where}: protocol.{key}: {shown(given)} is not accepted; accepted where "
                f"{params.encoder} is tuned in a recommender: {shown(value)}"
            )


def _check_part(params: Params, where: Path) -> None:
    """Other parts than the top layers are of one layer at the least, and lie above a cut."""
    part, family = params.tuned_parts, FAMILIES[params.registry[params.encoder].family]
    if part == "top":
        return
    if not family.trains_layers:
        raise StudyError(
            f"{where}: tuned_parts: {part} is not accepted; accepted of {params.encoder}, which "
            "has no layers: top"
        )
    if params.finetune_layers < 1:
        raise StudyError(
            f"{where}: finetune_layers: {params.finetune_layers} is not accepted; accepted with "
            f"tuned_parts: {part}: 1 to {params.registry[params.encoder].layers}"
        )


def _check_grid(params: Params, where: Path) -> None:
    """There is something to run, all of it exists, and nothing is run by two stages."""
    grid = params.grid
    needed = {k: getattr(grid, k) for k in ("recommenders", "tunings", "protocols", "seeds")}
    for key, names in (needed | {"encoders": grid.encoders + grid.llms}).items():
        if not names:
            raise StudyError(f"{where}: grid.{key}: is empty; at least one value is needed")
    accepted = {
        "recommenders": RECOMMENDERS, "llm_recommenders": RECOMMENDERS,
        "encoders": params.registry, "llms": params.registry, "protocols": known_protocols(),
    }  # fmt: skip
    for under, part in (("grid", grid), ("grid.also", grid.also)):
        for key, names in accepted.items():
            for name in getattr(part, key, ()):
                require(f"{under}.{key}", name, names, where)
    for name in grid.repeated:
        raise StudyError(f"{where}: grid.also: {name} is in the grid; leave it out here")


def _check_analyses(params: Params, where: Path) -> None:
    """What the sweep, the audit and the claims name exists."""
    sweep, audit = params.sweep, params.audit
    _check_parts(params, where)
    require("sweep.encoder", sweep.encoder, params.registry, where)
    require("sweep.protocol", sweep.protocol, known_protocols(), where)
    depth = params.registry[sweep.encoder].layers
    for layers in sweep.layers:
        require("sweep.layers", layers, range(depth + 1), where)
        if layers == params.registry[sweep.encoder].finetune_layers:
            raise StudyError(
                f"{where}: sweep.layers: k{layers} is the depth that {sweep.encoder} has in the "
                "grid, where it is run; leave it out here"
            )
    lists = {"audit.deviations": audit.deviations}
    lists |= {f"audit.pairs.{name}.deviations": of.deviations for name, of in audit.pairs.items()}
    for key, names in lists.items():
        for deviation in names or ():
            require(key, deviation, DEVIATIONS, where)
    if not audit.seeds or len(set(audit.seeds)) < len(audit.seeds):
        listed = list(audit.seeds)
        raise StudyError(
            f"{where}: audit.seeds: {listed} is not accepted; expected some, each once"
        )
    for base in audit.bases:
        require("audit.bases", base, known_protocols(), where)
    for name, pair in audit.pairs.items():
        require(f"audit.pairs.{name}.recommender", pair.recommender, RECOMMENDERS, where)
        for key in ("frozen", "finetuned"):
            require(f"audit.pairs.{name}.{key}", getattr(pair, key), params.registry, where)
    for theirs, ours in params.paper.items():
        require(f"paper.{theirs}", ours, params.registry, where)
    for name in params.questions.ladder:
        require("questions.ladder", name, params.registry, where)


def _check_parts(params: Params, where: Path) -> None:
    parts = params.parts
    accepted = {
        "recommenders": RECOMMENDERS, "encoders": params.registry, "protocols": known_protocols(),
    }  # fmt: skip
    for key, names in accepted.items():
        for name in getattr(parts, key):
            require(f"parts.{key}", name, names, where)
    for text in parts.tuned:
        if (part_named(text) or ("top",))[0] == "top":
            kinds = ", ".join(f"{part}2" for part in PARTS if part != "top")
            raise StudyError(
                f"{where}: parts.tuned: {shown(text)} is not accepted; accepted: a part and a "
                f"number of layers, or of one, such as {kinds}; the top layers are those of sweep"
            )
        for name in parts.encoders:
            layers = range(1, params.registry[name].layers + 1)
            require(f"parts.tuned: {text}, of {name}", part_called(text)[1], layers, where)


def _check_heads(params: Params, where: Path) -> None:
    """NRMS splits a width among its heads: the encoder's own under the released heads (D7)."""
    model, encoder = params.model, params.registry[params.encoder]
    pairs = [("heads", "model.filters", model.filters)]
    if params.protocol.head == "by_tuning" and params.tuning == "finetuned":
        heads = {"word": "heads", "cls": "cls_heads"}.get(FAMILIES[encoder.family].head)
        if heads:
            pairs.append((heads, f"encoders.{params.encoder}.width", encoder.width))
    for key, name, width in pairs:
        if (heads := getattr(model, key)) < 1 or width % heads:
            raise StudyError(
                f"{where}: model.{key}: {heads} is not accepted; accepted: a divisor of "
                f"{name} = {width}"
            )


def _check_launch(params: Params, where: Path) -> None:
    """Shares of weights need processes to hold them, and weights that can be cut."""
    if not params.training.launch.fsdp:
        return
    if params.training.launch.count == 1:
        raise StudyError(
            f"{where}: training.launch.fsdp: true is not accepted; accepted with one process: false"
        )
    for name, adapter in params.adapters.items():
        key = f"adapters.{name}.base_format (with fsdp)"
        require(key, adapter.base_format, FSDP_FORMATS, where)
