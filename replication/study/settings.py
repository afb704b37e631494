"""The parameters of the study as frozen, strictly typed dataclasses."""

from dataclasses import field, replace
from functools import cached_property, partial
from typing import Annotated, Any, Literal, TypeVar, cast, dataclass_transform

from pydantic import BeforeValidator, ConfigDict, ValidationInfo
from pydantic.dataclasses import dataclass

from replication.study.protocol import Protocol
from replication.study.registry import FAMILIES


def _numbered(letter: str, value: Any, info: ValidationInfo) -> Any:
    """3 of `s3` or `k3`: seeds and depths stand in params.yaml as in the names of runs."""
    if isinstance(value, str) and value[:1] == letter and value[1:].isdecimal():
        return int(value[1:])
    if info.mode == "python":  # a number, where code makes one set of parameters of another
        return value
    raise ValueError(f"expected {letter}1, {letter}2, ..., as in the names of runs")


Seed = Annotated[int, BeforeValidator(partial(_numbered, "s"))]
Depth = Annotated[int, BeforeValidator(partial(_numbered, "k"))]
Kind = TypeVar("Kind")


@dataclass_transform(frozen_default=True)
def strict(kind: type[Kind]) -> type[Kind]:
    """A frozen dataclass that pydantic checks; told to checkers as what it is."""
    config = ConfigDict(extra="forbid", allow_inf_nan=False)
    return cast(type[Kind], dataclass(frozen=True, config=config)(kind))


@strict
class Data:
    """What the data are made from.

    path     the demo's generator; a folder or zips that the user has; or the list of pinned
             downloads (replication/mind/pins.yaml), which are then fetched
    release  the release of MIND that the bytes and figures must be those of; null: any
    The rest are sizes of the demo corpus, null elsewhere.
    """

    path: str
    release: Literal["demo", "small", "large"] | None = None
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
    """How one tuning is trained: Adam, two learning rates, early stopping on AUC.

    A learning rate given as a list is searched: each candidate trains for `search_steps` batches
    (null: as long as the run itself), and the one with the best selection AUC is taken.
    """

    batch_size: int
    learning_rate: float | tuple[float, ...]
    encoder_learning_rate: float | tuple[float, ...]
    max_epochs: int
    evaluate_every: int
    patience: int
    max_steps: int | None = None  # batches; null: as many as max_epochs has
    search_steps: int | None = None


@strict
class Launch:
    """The processes that share one stage's training, LoRA step or embedding (`processes.py`).

    processes  on each node; with GPUs, one for each
    nodes      on each of which the same command is started
    fsdp       LoRA: each process holds a share of the base's weights, and gathers a layer's when it
               computes with it
    The number format is no matter of theirs: `Training.precision` says it for one or many.
    """

    processes: int = 1
    nodes: int = 1
    fsdp: bool = False

    @property
    def count(self) -> int:
        """Of all nodes together."""
        return self.processes * self.nodes


@strict
class Training:
    """One schedule for frozen encoders, one for tuned word vectors, one for tuned layers.

    precision  what is computed in, whatever the number of processes; auto: bf16 where the device
               has it
    """

    precision: Literal["auto", "fp32", "bf16"]
    frozen: Schedule
    tuned_words: Schedule
    tuned_layers: Schedule
    launch: Launch = Launch()


@strict
class Evaluation:
    bootstrap_samples: int


@strict
class Grid:
    """The runs that the report tables: every combination is one cached stage. In params.yaml a
    seed is `s1`, a depth `k4`: so DVC calls a stage as the run is called."""

    recommenders: tuple[str, ...]
    encoders: tuple[str, ...]
    tunings: tuple[Literal["frozen", "finetuned"], ...]
    llms: tuple[str, ...]
    protocols: tuple[str, ...]
    seeds: tuple[Seed, ...]


@strict
class Sweep:
    """Layer sweep: fine-tuned depths that are run beside the grid's own depth of that encoder."""

    encoder: str
    layers: tuple[Depth, ...]
    protocol: str


@strict
class AuditPair:
    """A recommender, and an encoder's name under each tuning (an LLM's fine-tuned one is its
    adapter's)."""

    recommender: str
    frozen: str
    finetuned: str


@strict
class Audit:
    """Protocol audit: each deviation flipped alone, from each base protocol, for each pair."""

    pairs: dict[str, AuditPair]
    bases: tuple[str, ...]
    seed: int
    max_steps: int | None = None  # batches; null: the schedule's own


@strict
class Pretraining:
    """A small causal model trained on the corpus text.

    word_vectors is a model folder inside a package (`package/folder`) whose word vectors the token
    embeddings start from; null starts them at random.
    """

    vocabulary: int
    heads: int
    key_value_heads: int
    mlp: int
    context: int
    batch_size: int
    learning_rate: float
    epochs: int
    seed: int
    word_vectors: str | None = None


@strict
class Digest:
    """A sha256, and how well it is known: H of the hub's own page or two sources that do not know
    of each other, M of one source, L of a weak one. Other bytes than those of grade H stop; other
    bytes than those of grade M or L are told, and taken."""

    sha256: str
    grade: Literal["H", "M", "L"]


# Of files by name. Plain text is a sha256 of grade H; null: not known, so that the revision alone
# pins the file, and the digest that is found is told and recorded.
Digests = dict[str, str | Digest | None]


@strict
class Tokenizer:
    """A tokenizer from elsewhere on the hub, for a checkpoint that ships none."""

    name: str
    revision: str
    sha256: Digests = field(default_factory=dict)


@strict
class Adapter:
    """LoRA fine-tuning of a causal encoder on clicks (`encoders/adapt.py`).

    base         the encoder in the registry that is adapted
    rank, alpha, dropout, targets: of LoRA; targets are names of linear modules
    clicks       titles of the newest so many clicks stand in the prompt
    title_tokens, negatives: tokens of each title; non-clicked candidates beside each click
    base_format  bf16 or fp32 weights of the frozen base, or nf4 (4 bit; needs a GPU)
    save_every   steps between the states from which an interrupted run goes on
    """

    base: str
    rank: int
    alpha: int
    dropout: float
    targets: tuple[str, ...]
    clicks: int
    title_tokens: int
    negatives: int
    batch_size: int
    learning_rate: float
    max_steps: int
    save_every: int
    seed: int
    base_format: Literal["fp32", "bf16", "nf4"]


@strict
class Encoder:
    """One entry of the registry; sha256 pins files of the checkpoint by name. Pickled weights
    (pytorch_model.bin) are read only where they stand in it.

    family   one of registry.FAMILIES
    source   one of registry.SOURCES; `Params.registry` makes the entries of source adapted, from
             `adapters`
    prompt   around `{text}`; null: the paper's for a causal model, none for a transformer
    pooling  one vector for a text, from its last token, its first one or the mean of all; null: as
             in the paper, those of a causal model's last positions, or of all of a transformer's
    """

    family: str
    source: str
    name: str
    layers: int
    width: int
    finetune_layers: int
    revision: str | None = None
    sha256: Digests = field(default_factory=dict)
    tokenizer: Tokenizer | None = None
    pretraining: Pretraining | None = None
    prompt: str | None = None
    pooling: Literal["last", "mean", "cls"] | None = None


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
    sweep: Sweep
    audit: Audit
    paper: dict[str, str]  # the paper's names of language models -> ours
    encoders: dict[str, Encoder]
    adapters: dict[str, Adapter]

    @cached_property
    def registry(self) -> dict[str, Encoder]:
        """Every encoder by name: those of `encoders`, and those that an adapter makes of one."""
        adapted = {
            name: replace(self.encoders[adapter.base], source="adapted", name=adapter.base)
            for name, adapter in self.adapters.items()
        }
        return {**self.encoders, **adapted}

    @property
    def schedule(self) -> Schedule:
        """The training schedule of the experiment at hand."""
        return getattr(self.training, self.schedule_name)

    @property
    def schedule_name(self) -> str:
        """Its key under `training`."""
        if self.tuning == "frozen":
            return "frozen"
        return FAMILIES[self.registry[self.encoder].family].schedule
