"""The parameters of the study as frozen, strictly typed dataclasses."""

from dataclasses import field
from typing import Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from replication.protocol import Protocol

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
