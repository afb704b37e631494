"""Which architectures of language models are accepted, and how each one calls its parts.

The table is the only place that knows an architecture: whoever loads, cuts, counts or describes a
checkpoint looks it up by the `model_type` of its config.json. docs/encoders.md shows it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from replication.files.documents import read_json
from replication.files.errors import StudyError, shown

# In a tensor's name: what is no part of the encoder as it is used here, or no parameter.
_NOT_COUNTED = re.compile(r"(^|\.)(pooler|cls|lm_head|position_ids|inv_freq|masked_bias)(\.|$)")


@dataclass(frozen=True)
class Architecture:
    """How one architecture calls its parts: attributes of the model in transformers, and the names
    of its tensors.

    title     what people call it
    family    the registry's family whose encoders may have it
    prefix    before the names of its tensors where a head was saved with them
    layers    the list of its layers
    embeddings  the module that all inputs of the first layer pass, given states too; None: these
              pass by the table of tokens
    attention fast: `machine.dropout.attend`; eager: transformers' own steps, because the fast one
              knows no biases and no caps of scores
    above     a module between the embeddings and the first layer
    norm      a norm behind the last layer
    places    a table of positions that is added to whatever the first layer reads
    only_first  a module that acts on the first layer's output
    shared    layers share weights, so that a group of them is a module that runs more than once
    after_padding  positions count from the padding token's number on
    window    causal attention to the nearest tokens alone: in all layers, or in some
    sizes     what config.json calls the width and the number of layers
    ignored   parts of a tensor's name by which it is a buffer
    """

    title: str
    family: Literal["transformer", "causal"]
    prefix: str
    layers: str
    embeddings: str | None = None
    attention: Literal["fast", "eager"] = "fast"
    above: str | None = None
    norm: str | None = None
    places: str | None = None
    only_first: str | None = None
    shared: bool = False
    after_padding: bool = False
    window: Literal["all", "some"] | None = None
    sizes: tuple[str, str] = ("hidden_size", "num_hidden_layers")
    ignored: tuple[str, ...] = ()

    def layer_of(self, tensor: str) -> int | None:
        """The number of the layer that a tensor belongs to; None where it is of no layer."""
        found = re.search(rf"(^|\.){re.escape(self.layers)}\.(\d+)\.", tensor)
        return int(found[2]) if found else None

    def counted(self, tensors: list[str]) -> list[str]:
        """Those of a checkpoint's tensors that are parameters of the encoder: no heads, poolers or
        buffers."""
        own = [t for t in tensors if t.startswith(f"{self.prefix}.")] or tensors
        return [
            t
            for t in own
            if not _NOT_COUNTED.search(t) and not any(part in t for part in self.ignored)
        ]


def _bert_like(title: str, prefix: str, **parts: Any) -> Architecture:
    return Architecture(
        title,
        "transformer",
        prefix,
        **{"layers": "encoder.layer", "embeddings": "embeddings", **parts},
    )


def _llama_like(title: str, **parts: Any) -> Architecture:
    return Architecture(title, "causal", "model", **{"layers": "layers", "norm": "norm", **parts})


ARCHITECTURES: dict[str, Architecture] = {
    "bert": _bert_like("BERT", "bert"),
    "roberta": _bert_like("RoBERTa", "roberta", after_padding=True),
    "xlm-roberta": _bert_like("XLM-R", "roberta", after_padding=True),
    "camembert": _bert_like("CamemBERT", "roberta", after_padding=True),
    "mpnet": _bert_like("MPNet", "mpnet", attention="eager", after_padding=True),
    "electra": _bert_like("ELECTRA", "electra", above="embeddings_project"),
    "deberta": _bert_like("DeBERTa", "deberta", attention="eager"),
    "deberta-v2": _bert_like(
        "DeBERTa v2 and v3", "deberta", attention="eager", only_first="encoder.conv"
    ),
    "distilbert": _bert_like(
        "DistilBERT", "distilbert", layers="transformer.layer", sizes=("dim", "n_layers")
    ),
    "albert": _bert_like(
        "ALBERT",
        "albert",
        layers="encoder.albert_layer_groups",
        above="encoder.embedding_hidden_mapping_in",
        shared=True,
    ),
    "modernbert": _bert_like("ModernBERT", "model", layers="layers", norm="final_norm"),
    "llama": _llama_like("Llama, SmolLM"),
    "mistral": _llama_like("Mistral", window="all"),
    "qwen2": _llama_like("Qwen2, Qwen2.5", window="some"),
    "qwen3": _llama_like("Qwen3", window="some"),
    "gemma2": _llama_like("Gemma 2", attention="eager", window="some"),
    "gemma3_text": _llama_like("Gemma 3 (text alone)", window="some"),
    "phi3": _llama_like("Phi-3", window="all"),
    "gpt2": Architecture(
        "GPT-2",
        "causal",
        "transformer",
        layers="h",
        norm="ln_f",
        places="wpe",
        sizes=("n_embd", "n_layer"),
        ignored=(".attn.bias",),
    ),
}


def model_types(family: str) -> list[str]:
    """The accepted values of `model_type` in config.json, of one family of the registry."""
    return [kind for kind, a in ARCHITECTURES.items() if a.family == family]


def accepted(config: Mapping[str, Any], family: str | None, where: str) -> Architecture:
    """The architecture of a config.json.

    family  as the registry says; None: whichever the architecture has
    where   the encoder, for messages
    Errors: `StudyError` naming `model_type` and what is accepted.
    """
    kind = config.get("model_type")
    found = ARCHITECTURES.get(kind) if isinstance(kind, str) else None
    if found is None or family not in (None, found.family):
        families = [family] if family else ["transformer", "causal"]
        listed = "; ".join(f"{', '.join(model_types(f))} (family: {f})" for f in families)
        other = f"is of family: {found.family}, and " if found else ""
        raise StudyError(
            f"{where}: model_type {shown(kind)} in config.json {other}is not accepted; "
            f"accepted: {listed}"
        )
    positions = config.get("position_embedding_type", "absolute")
    if positions != "absolute":  # once read by transformers, whose models now pass over it
        raise StudyError(
            f"{where}: position_embedding_type {shown(positions)} in config.json of model_type "
            f"{kind} is not accepted; accepted: absolute"
        )
    return found


def architecture(folder: Path) -> Architecture:
    """The architecture of the checkpoint in a folder; `StudyError` where it is not accepted."""
    return accepted(read_json(folder / "config.json"), None, str(folder))


def remark(found: Architecture) -> str | None:
    """What whoever chooses an architecture should know; None where there is nothing to say."""
    if not found.shared:
        return None
    return (
        f"{found.title}'s layers share their weights: the k tuned layers are one copy of them, "
        "which runs k times and trains as one, above layers that keep the published weights"
    )


def size_of(config: Mapping[str, Any], key: str, found: Architecture) -> Any:
    """What a config.json says of `hidden_size` or `num_hidden_layers`, by its own name for it."""
    own = dict(zip(("hidden_size", "num_hidden_layers"), found.sizes, strict=True))[key]
    return config.get(own, config.get(key))


def attention(folder: Path) -> str:
    """The `attn_implementation` by which the checkpoint in a folder computes the right scores."""
    if architecture(folder).attention == "eager":
        return "eager"
    from replication.machine.dropout import register_attention

    return register_attention()


def has_head(folder: Path) -> bool:
    """Whether a causal checkpoint was saved with its head: models of embeddings often were not."""
    kinds = read_json(folder / "config.json").get("architectures") or ["LMHead"]
    return not all(re.fullmatch(r"\w+(?<!LMHead)Model", str(kind)) for kind in kinds)
