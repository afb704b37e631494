"""The release's modules, rebuilt of ours with its own parameters: see `parity/README.md`."""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import nn

from replication.encoders.models.layouts import cut, reading_states
from replication.encoders.models.text import (
    Places,
    StoredVectors,
    TunedTransformer,
    WordVectors,
)
from replication.recommenders import RECOMMENDERS, Batch, Sizes

PARITY = Path(__file__).parent / "parity"
VARIANTS = [f"{r}{v}" for r in ("NRMS", "NAML", "LSTUR") for v in ("", "linear", "bert")]

# Released name -> ours, by prefix, after `{field}` is filled in.
RENAMED = {
    "NRMS": {
        "news_encoder.additive_attention.attention_query_vector": "token_pool.query",
        "news_encoder.additive_attention.linear": "token_pool.linear",
        "news_encoder.multihead_self_attention.W_Q": "token_attention.q",
        "news_encoder.multihead_self_attention.W_K": "token_attention.k",
        "news_encoder.multihead_self_attention.W_V": "token_attention.v",
        "news_encoder.title_linear": "heads.title.linear",
        "user_encoder.additive_attention.attention_query_vector": "click_pool.query",
        "user_encoder.additive_attention.linear": "click_pool.linear",
        "user_encoder.multihead_self_attention.W_Q": "click_attention.q",
        "user_encoder.multihead_self_attention.W_K": "click_attention.k",
        "user_encoder.multihead_self_attention.W_V": "click_attention.v",
    },
    "NAML": {
        "news_encoder.element_encoders.category.embedding": "label_embedding",
        "news_encoder.element_encoders.subcategory.embedding": "label_embedding",
        "news_encoder.element_encoders.category.linear": "label_linear.0",
        "news_encoder.element_encoders.subcategory.linear": "label_linear.1",
        "news_encoder.final_attention.attention_query_vector": "view_pool.query",
        "news_encoder.final_attention.linear": "view_pool.linear",
        "user_encoder.additive_attention.attention_query_vector": "click_pool.query",
        "user_encoder.additive_attention.linear": "click_pool.linear",
    },
    "LSTUR": {
        "news_encoder.category_embedding": "label_embedding",
        "news_encoder.title_CNN": "reader.cnn",
        "news_encoder.title_attention.attention_query_vector": "reader.attention.query",
        "news_encoder.title_attention.linear": "reader.attention.linear",
        "news_encoder.title_linear": "heads.title.linear",
        "user_embedding": "user_embedding",
        "user_encoder.gru": "gru",
    },
}
for prefix, field in [("news_encoder", "title")] + [
    (f"news_encoder.text_encoders.{f}", f) for f in ("title", "abstract")
]:
    for names in RENAMED.values():
        names[f"{prefix}.pooler"] = f"heads.{field}.pooler"
        names[f"{prefix}.word_embedding"] = f"text.{field}.table"
        names[f"{prefix}.bert.embeddings"] = f"text.{field}.below.embeddings"
        names[f"{prefix}.bert.encoder"] = f"text.{field}.top.encoder"
        if prefix.endswith(field):
            names[f"{prefix}.CNN"] = f"readers.{field}.cnn"
            names[f"{prefix}.linear"] = f"heads.{field}.linear"
            a = f"{prefix}.additive_attention"
            names[f"{a}.attention_query_vector"] = f"readers.{field}.attention.query"
            names[f"{a}.linear"] = f"readers.{field}.attention.linear"


def load(variant: str):
    with safe_open(str(PARITY / f"released-{variant}.safetensors"), framework="pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        return tensors, json.loads(file.metadata()["sizes"])


def numbered(tensors: dict, name: str, real: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
    """Rows of an input by article id: 0 = padding, then every candidate and every clicked slot."""
    flat = [tensors[f"in/{side}/{name}"].flatten(0, 1) for side in ("candidate", "clicked")]
    return torch.cat([padding[None].to(flat[0].dtype), *flat])


def text_module(
    field: str, kind: str, tensors: dict, sizes: dict, length: int, depth: int
) -> nn.Module:
    given = tensors[f"in/clicked/{field}"]
    padding = given[-1, 0]  # the last user has no history
    rows = numbered(tensors, field, given, padding)
    count = len(rows)
    offsets = np.arange(count + 1) * length
    if kind == "linear":
        return StoredVectors(rows.flatten(0, 1).numpy(), Places(offsets, length), masked=False)
    if kind == "":
        table = nn.Embedding(sizes["num_words"], sizes["word_embedding_dim"], padding_idx=0)
        places = Places(offsets, length)
        return WordVectors(table, rows.flatten().numpy(), places, masked=False)
    from transformers import BertConfig, BertModel

    config = BertConfig(**sizes["bert"], hidden_dropout_prob=0, attention_probs_dropout_prob=0)
    whole = [BertModel(config, add_pooling_layer=False) for _ in range(2)]
    top = reading_states(cut(whole[0], depth, config.num_hidden_layers, True))
    below = cut(whole[1], 0, depth, False).requires_grad_(False)
    below.embeddings.requires_grad_(True)
    ids, mask = rows[:, 0], rows[:, 1]
    lengths = mask.sum(1).numpy()
    starts = np.concatenate([[0], np.cumsum(lengths)])
    tokens = ids[mask.bool()].numpy()
    return TunedTransformer(top, below, Places(starts, length), tokens, False, True)


def name_of(released: str, recommender: str, depth: int) -> str:
    """Our name of a parameter; `depth` layers of a PLM lie below the cut."""
    prefix = max((p for p in RENAMED[recommender] if released.startswith(p)), key=len)
    ours = RENAMED[recommender][prefix] + released.removeprefix(prefix)
    before, layer, after = ours.partition("top.encoder.layer.")
    if layer:
        number, _, rest = after.partition(".")
        above = int(number) >= depth
        place = (
            f"top.encoder.layer.{int(number) - depth}" if above else f"below.{layer[4:]}{number}"
        )
        ours = f"{before}{place}.{rest}"
    return ours


def value_of(value: torch.Tensor) -> torch.Tensor:
    """Our form of a parameter: Conv2d (filters, 1, window, width) -> Conv1d."""
    return value.squeeze(1).transpose(1, 2) if value.ndim == 4 else value


def recommender_of(variant: str) -> str:
    """Its part of `RENAMED`."""
    return next(r for r in RENAMED if variant.startswith(r))


def build(variant: str, depth: int = 0, **choices):
    """The model of a variant in evaluation mode with the release's parameters, and all tensors.

    depth    so many layers of a PLM are frozen
    choices  of `Sizes`
    """
    tensors, sizes = load(variant)
    name = recommender_of(variant)
    model = fresh(variant, tensors, sizes, depth, **choices)
    # BERT's own pooler is in the released state dict, but nothing reads it.
    ours = {
        name_of(key.removeprefix("param/"), name, depth): value_of(value)
        for key, value in tensors.items()
        if key.startswith("param/") and ".bert.pooler." not in key
    }
    expected = {n for n, _ in model.named_parameters(remove_duplicate=False)}
    assert set(ours) == expected, set(ours) ^ expected  # every parameter is the release's
    model.load_state_dict(ours, strict=False)
    return model.eval(), tensors


def fresh(variant: str, tensors: dict, sizes: dict, depth: int = 0, xavier=True, **choices):
    """The model of a variant with new parameters, which begin as the release's do."""
    name = recommender_of(variant)
    kind = RECOMMENDERS[name.lower()]
    suffix = variant[len(name) :]
    lengths = {"title": sizes["num_words_title"], "abstract": sizes["num_words_abstract"]}
    text = {f: text_module(f, suffix, tensors, sizes, lengths[f], depth) for f in kind.fields}
    if suffix == "":  # all fields share one table of words
        for module in text.values():
            module.table = text["title"].table
    count = 1 + sum(
        tensors[f"in/{side}/title"].shape[:2].numel() for side in ("candidate", "clicked")
    )
    labels = torch.zeros(count, 2, dtype=torch.int64)
    if "in/candidate/category" in tensors:
        for column, field in enumerate(("category", "subcategory")):
            labels[:, column] = numbered(tensors, field, labels, torch.tensor(0))
    model = kind(
        text=nn.ModuleDict(text),
        labels=labels,
        label_count=sizes["num_categories"] - 1,
        users=sizes["num_users"] - 1,
        sizes=Sizes(
            filters=sizes["num_filters"],
            query=sizes["query_vector_dim"],
            heads=sizes["num_attention_heads"],
            cls_heads=sizes["num_attention_heads"],
            category=sizes["category_embedding_dim"],
            window=sizes["window_size"],
            **choices,
        ),
        head={"": "word", "linear": "token", "bert": "cls"}[suffix],
        masked=False,
        zero_padded=suffix == "bert",
        xavier=xavier,
    )
    if name == "LSTUR":
        model.reads_padding = True
    return model


def batch_of(tensors: dict) -> Batch:
    """The file's batch, its articles numbered as in `numbered`."""
    b, c = tensors["out/train_path_scores"].shape
    h = tensors["out/clicked_vectors"].shape[1]
    candidates = 1 + torch.arange(b * c).view(b, c)
    clicked = 1 + b * c + torch.arange(b * h).view(b, h)
    clicked[torch.arange(h) < h - tensors["in/length"][:, None]] = 0
    return Batch(candidates, candidates > 0, clicked, tensors["in/user"])
