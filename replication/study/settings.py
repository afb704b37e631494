"""The parameters of the study as frozen, strictly typed dataclasses."""

from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

from replication.study.encoders import Adapter, Encoder
from replication.study.grid import Grid, Sweep
from replication.study.parts import Lora, Part, Parts, cut_below
from replication.study.protocol import DEVIATIONS, Protocol
from replication.study.registry import FAMILIES
from replication.study.strict import strict

# Profiles whose data are the demo's corpus, which is no evidence about the paper.
ON_THE_DEMO_S_CORPUS = ("demo", "laptop")


@strict
class Data:
    """What the data are made from.

    path     the demo's generator; a folder or zips that the user has; or the list of pinned
             downloads (replication/mind/pins.yaml), which are then fetched
    release  the release of MIND that the bytes and figures must be those of; null: any; mini: the
             impressions of small that replication/mind/mini.yaml lists
    drift    of the demo corpus: how fast readers' interests turn, of a right angle a day
    train_days  train on the first so many days of MIND's train and test on its others, dev left
                out, to see how quality changes with time; null: MIND's own splits
    The rest are sizes of the demo corpus, null elsewhere.
    """

    path: str
    release: Literal["demo", "small", "large", "mini"] | None = None
    seed: int | None = None
    articles: int | None = None
    train_users: int | None = None
    test_users: int | None = None
    train_impressions: int | None = None
    test_impressions: int | None = None
    drift: float = 0.0
    train_days: int | None = None


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

    start  what the recommender begins from: fresh parameters; or frozen, those that it has learned
           over the encoder as it is, by the schedule `frozen` (linear probing then fine-tuning,
           Kumar et al., ICLR 2022)
    """

    batch_size: int
    learning_rate: float | tuple[float, ...]
    encoder_learning_rate: float | tuple[float, ...]
    max_epochs: int
    evaluate_every: int
    patience: int
    max_steps: int | None = None  # batches; null: as many as max_epochs has
    search_steps: int | None = None
    start: Literal["fresh", "frozen"] = "fresh"


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
               is faster in it
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
class AuditPair:
    """A recommender, and an encoder's name under each tuning (an LLM's fine-tuned one is its
    adapter's).

    deviations  those that are flipped for this pair; null: those of the audit
    """

    recommender: str
    frozen: str
    finetuned: str
    deviations: tuple[str, ...] | None = None


@strict
class Audit:
    """Protocol audit: each deviation flipped alone, from each base protocol, for each pair.

    seeds       of the runs of each base; flips are run with the first
    deviations  those that are flipped, for pairs without a list of their own; null: all
    max_steps   batches; null: the schedule's own
    """

    pairs: dict[str, AuditPair]
    bases: tuple[str, ...]
    seeds: tuple[int, ...]
    deviations: tuple[str, ...] | None = None
    max_steps: int | None = None

    def flips(self, pair: str) -> tuple[str, ...]:
        """The deviations that are flipped for the pair of this name."""
        for listed in (self.pairs[pair].deviations, self.deviations):
            if listed is not None:
                return listed
        return tuple(DEVIATIONS)


@strict
class Questions:
    """What questions beyond the paper ask of a study.

    ladder  encoders of one family, of which nothing but the size differs; the grid has them frozen
    beside  the folder of another study whose runs are made, such as one of other data; null: none
    """

    ladder: tuple[str, ...] = ()
    beside: str | None = None


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
    study: str = "none"  # of conf/study
    questions: Questions = Questions()
    tuned_parts: Part = "top"  # of the encoder, and finetune_layers how many layers or which one
    lora: Lora = Lora()
    parts: Parts = Parts()
    composed: str | None = None  # for whoever opens params.yaml: where its values come from

    @property
    def demo(self) -> bool:
        """Whether the data are the demo's corpus, which is made here."""
        return self.profile in ON_THE_DEMO_S_CORPUS

    @cached_property
    def registry(self) -> dict[str, Encoder]:
        """Every encoder by name: those of `encoders`, and those that an adapter makes of one."""
        adapted = {
            name: replace(self.encoders[adapter.base], source="adapted", name=adapter.base)
            for name, adapter in self.adapters.items()
        }
        return {**self.encoders, **adapted}

    @property
    def used(self) -> set[str]:
        """Entries of `encoders` that the experiment at hand or a part of the study runs over, an
        adapter by its base."""
        parts, pairs = (self.grid, self.grid.also), self.audit.pairs.values()
        names = {
            self.encoder,
            self.sweep.encoder,
            *(name for part in parts for name in (*part.encoders, *part.llms)),
            *self.parts.encoders,
            *(name for pair in pairs for name in (pair.frozen, pair.finetuned)),
        }
        return {self.adapters[name].base if name in self.adapters else name for name in names}

    @property
    def schedule(self) -> Schedule:
        """The training schedule of the experiment at hand; LoRA has its own rate in it."""
        found: Schedule = getattr(self.training, self.schedule_name)
        if not self.tunes_lora:
            return found
        return replace(found, encoder_learning_rate=self.lora.encoder_learning_rate)

    def with_schedule(self, schedule: Schedule) -> "Params":
        """The experiment at hand with another schedule."""
        lora = self.lora
        if self.tunes_lora:
            lora = replace(lora, encoder_learning_rate=schedule.encoder_learning_rate)
        changed: dict[str, Any] = {self.schedule_name: schedule}
        return replace(self, training=replace(self.training, **changed), lora=lora)

    @property
    def tunes_lora(self) -> bool:
        return self.tuning == "finetuned" and self.tuned_parts == "lora"

    @property
    def cut(self) -> int:
        """How many of the encoder's layers lie below all that the experiment at hand tunes."""
        layers = self.registry[self.encoder].layers
        return cut_below(self.tuned_parts, self.finetune_layers, layers)

    @property
    def schedule_name(self) -> str:
        """Its key under `training`."""
        if self.tuning == "frozen":
            return "frozen"
        tuned: str = FAMILIES[self.registry[self.encoder].family].schedule
        return tuned

    @property
    def tunes(self) -> bool:
        """Whether the experiment trains pre-trained parameters: none at a depth of 0, but for the
        embedding table where that trains (D6)."""
        layers = FAMILIES[self.registry[self.encoder].family].trains_layers
        return self.tuning == "finetuned" and (
            not layers or self.finetune_layers > 0 or self.protocol.tune_embeddings
        )
