"""The parameters of language models: entries of the registry, and of LoRA adapters."""

from dataclasses import field
from typing import Literal

from replication.study.strict import strict


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
    """LoRA fine-tuning of a causal encoder on clicks (`encoders/lora`).

    base         the encoder in the registry that is adapted
    rank, alpha, dropout, targets: of LoRA; targets are names of linear modules
    clicks       titles of the newest so many clicks stand in the prompt
    title_tokens, negatives: tokens of each title; non-clicked candidates beside each click
    base_format  bf16 or fp32 weights of the frozen base, or nf4 (4 bit; needs a GPU)
    save_every   steps between the states from which an interrupted run goes on
    judged       clicks of the day held out by which the model is judged before and after
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
    judged: int = 128


@strict
class Encoder:
    """One entry of the registry; sha256 pins files of the checkpoint by name. Pickled weights
    (pytorch_model.bin) are read only where they stand in it.

    family   one of registry.FAMILIES
    source   one of registry.SOURCES; `Params.registry` makes the entries of source adapted, from
             `adapters`
    prompt   around `{text}`; null: the paper's for a causal model, none for a transformer
    parameters  of its layers and its table of tokens, for what is planned before it is on disk;
             null: reckoned from layers and width
    pooling  one vector for a text, from its last token, its first one or the mean of all; null: as
             in the paper, those of a causal model's last positions, or of all of a transformer's
    held     how a causal model's weights are held while frozen vectors are made: nf4, linear layers
             in 4 bits (needs a GPU and bitsandbytes); spread, layers over all GPUs that one process
             sees, then in memory, then on disk; or both. Empty: whole, on one device
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
    prompt: str | None = None
    pooling: Literal["last", "mean", "cls"] | None = None
    parameters: int | None = None
    held: tuple[Literal["nf4", "spread"], ...] = ()
