"""params.yaml as frozen dataclasses. An unknown, ill-typed or impossible key names itself."""

import json
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from replication import paths
from replication.errors import StudyError
from replication.protocol import DEVIATIONS, Protocol

RECOMMENDER_NAMES = ("naml", "nrms", "lstur")  # recommenders.RECOMMENDERS, without importing torch

strict = dataclass(frozen=True, config=ConfigDict(extra="forbid"))


@strict
class Data:
    """Where the data come from; the sizes describe the demo corpus and are null elsewhere."""

    path: str
    seed: int | None = None
    articles: int | None = None
    train_users: int | None = None
    test_users: int | None = None
    train_impressions: int | None = None
    test_impressions: int | None = None


@strict
class Text:
    """Longest title and abstract, in tokens of the encoder, special tokens included."""

    title_tokens: int
    abstract_tokens: int


@strict
class Model:
    """Widths of the recommenders; see `recommenders.Sizes` for the published ones."""

    filters: int
    query: int
    heads: int
    cls_heads: int
    category: int
    window: int
    dropout: float
    user_dropout: float
    aligned_start: bool


@strict
class Schedule:
    """How one tuning is trained: Adam, two learning rates, early stopping on AUC."""

    batch_size: int
    learning_rate: float
    encoder_learning_rate: float
    max_epochs: int
    evaluate_every: int
    patience: int
    max_steps: int | None = None  # batches; null: as many as max_epochs has


@strict
class Training:
    """One schedule for frozen encoders, one for tuned word vectors, one for tuned layers."""

    precision: Literal["auto", "fp32", "bf16"]
    frozen: Schedule
    tuned_words: Schedule
    tuned_layers: Schedule


@strict
class Evaluation:
    bootstrap_samples: int


@strict
class Grid:
    """The experiments that the report tables: every combination is one cached stage."""

    recommenders: tuple[str, ...]
    encoders: tuple[str, ...]
    tunings: tuple[Literal["frozen", "finetuned"], ...]
    llms: tuple[str, ...]
    protocols: tuple[str, ...]
    seeds: tuple[int, ...]


@strict
class Pretraining:
    """A small causal model trained on the corpus text."""

    vocabulary: int
    heads: int
    key_value_heads: int
    mlp: int
    context: int
    batch_size: int
    learning_rate: float
    epochs: int
    seed: int


@strict
class Encoder:
    """One entry of the registry; sha256 pins files of the checkpoint by name."""

    family: Literal["words", "transformer", "causal"]
    source: Literal["package", "hub", "folder", "derived", "pretrained"]
    name: str
    layers: int
    width: int
    finetune_layers: int
    revision: str | None = None
    sha256: dict[str, str] = field(default_factory=dict)
    pretraining: Pretraining | None = None


@strict
class Params:
    profile: str
    recommender: str
    encoder: str
    tuning: Literal["frozen", "finetuned"]
    finetune_layers: int
    seed: int
    protocol: Protocol
    data: Data
    text: Text
    history: int
    model: Model
    training: Training
    evaluation: Evaluation
    grid: Grid
    encoders: dict[str, Encoder]

    @property
    def schedule(self) -> Schedule:
        """The training schedule of the experiment at hand."""
        return getattr(self.training, self.schedule_name)

    @property
    def schedule_name(self) -> str:
        """Its key under `training`."""
        if self.tuning == "frozen":
            return "frozen"
        words = self.encoders[self.encoder].family == "words"
        return "tuned_words" if words else "tuned_layers"


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
        # The JSON route: strict types, yet lists become tuples.
        return TypeAdapter(kind).validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "(top level)"
        if first["type"] == "unexpected_keyword_argument":
            accepted = ", ".join(_keys_beside(kind, first["loc"]))
            raise StudyError(f"{path}: unknown key {key}; accepted: {accepted}") from None
        given = "" if first["type"] == "missing_argument" else f" (given: {first['input']!r})"
        raise StudyError(f"{path}: {key}: {first['msg']}{given}") from None


def _keys_beside(kind: type, location: tuple) -> list[str]:
    """The keys that are accepted where `location` ends."""
    for part in location[:-1]:
        fields = getattr(kind, "__dataclass_fields__", None)
        kind = fields[part].type if fields else kind.__args__[1]
        if not hasattr(kind, "__dataclass_fields__") and hasattr(kind, "__args__"):
            kind = next((a for a in kind.__args__ if hasattr(a, "__dataclass_fields__")), kind)
    return sorted(kind.__dataclass_fields__)


def load_params(path: Path = paths.PARAMS) -> Params:
    """Read and check the whole of params.yaml before any work is done.

    Errors: `StudyError` naming the key and the accepted values.
    """
    params = _parse(Params, read_yaml(path), path)
    _check(params, path)
    return params


def load_protocol(name: str) -> Protocol:
    """The protocol group `conf/protocol/<name>.yaml`."""
    path = paths.PROTOCOLS / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in paths.PROTOCOLS.glob("*.yaml")))
        raise StudyError(f"params.yaml: grid.protocols: {name!r} is not known; accepted: {known}")
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


def grid_cell(
    params: Params, recommender: str, encoder: str, tuning: str, protocol: str, seed: int
) -> Params:
    """`params` with the experiment at hand replaced by one cell of the grid."""
    cell = replace(
        params,
        recommender=recommender,
        encoder=encoder,
        tuning=tuning,
        protocol=load_protocol(protocol),
        seed=seed,
    )
    cell = replace(cell, finetune_layers=named_encoder(params, encoder).finetune_layers)
    _check(cell, Path("the command line"))
    return cell


def named_encoder(params: Params, name: str) -> Encoder:
    """The registry's entry `name`; `StudyError` naming the accepted ones."""
    _require("encoder", name, params.encoders, "the command line")
    return params.encoders[name]


def _require(key: str, value: Any, accepted: Any, where: Any) -> None:
    if value not in accepted:
        listed = ", ".join(str(a) for a in accepted)
        raise StudyError(f"{where}: {key}: {value!r} is not accepted; accepted: {listed}")


def _check(params: Params, where: Path) -> None:
    """What types cannot say."""
    _require("recommender", params.recommender, RECOMMENDER_NAMES, where)
    _require("encoder", params.encoder, params.encoders, where)
    encoder = params.encoders[params.encoder]
    if params.tuning == "finetuned":
        if encoder.family == "causal":
            raise StudyError(
                f"{where}: tuning: {params.encoder} is a causal language model and is used frozen; "
                "accepted: frozen"
            )
        # The depth means nothing to word vectors, which have no layers.
        if encoder.family == "transformer" and not 0 <= params.finetune_layers <= encoder.layers:
            raise StudyError(
                f"{where}: finetune_layers: {params.finetune_layers} is not accepted; "
                f"accepted: 0 to {encoder.layers}, the layers of {params.encoder}"
            )
    for name in ("recommenders", "tunings", "protocols", "seeds"):
        if not getattr(params.grid, name):
            raise StudyError(f"{where}: grid.{name}: is empty; at least one value is needed")
    if not params.grid.encoders + params.grid.llms:
        raise StudyError(f"{where}: grid.encoders: is empty; at least one encoder is needed")
    for name in params.grid.recommenders:
        _require("grid.recommenders", name, RECOMMENDER_NAMES, where)
    for name in params.grid.encoders + params.grid.llms:
        _require("grid.encoders", name, params.encoders, where)
    for name in params.grid.protocols:
        load_protocol(name)
    for key, value in (
        ("history", params.history),
        ("protocol.negatives", params.protocol.negatives),
        ("text.title_tokens", params.text.title_tokens),
        ("text.abstract_tokens", params.text.abstract_tokens),
        ("evaluation.bootstrap_samples", params.evaluation.bootstrap_samples),
    ):
        if value < 1:
            raise StudyError(f"{where}: {key}: {value} is not accepted; accepted: 1 or more")
    if params.model.filters % params.model.heads:
        raise StudyError(
            f"{where}: model.heads: {params.model.heads} does not divide "
            f"model.filters = {params.model.filters}"
        )
    for name, entry in params.encoders.items():
        if not 0 <= entry.finetune_layers <= entry.layers:
            raise StudyError(
                f"{where}: encoders.{name}.finetune_layers: {entry.finetune_layers} is not "
                f"accepted; accepted: 0 to {entry.layers}"
            )
        if entry.source == "pretrained" and entry.pretraining is None:
            raise StudyError(f"{where}: encoders.{name}.pretraining: is missing")
        if entry.source == "hub" and not entry.revision:
            raise StudyError(
                f"{where}: encoders.{name}.revision: is missing; a hub checkpoint is pinned by its "
                "40-digit revision"
            )


def as_mapping(value: Any) -> Any:
    """Dataclasses -> plain mappings, for JSON."""
    return TypeAdapter(type(value)).dump_python(value, mode="json")
