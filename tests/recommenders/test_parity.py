"""With protocol `released` and the release's parameters, our modules give the release's outputs."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import nn

from replication.encoders.models.layouts import Given
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


def text_module(field: str, kind: str, tensors: dict, sizes: dict, length: int) -> nn.Module:
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
    top = BertModel(config, add_pooling_layer=False)
    below = BertModel(config, add_pooling_layer=False)
    below.encoder.layer = below.encoder.layer[:0]
    top.embeddings = Given()
    ids, mask = rows[:, 0], rows[:, 1]
    lengths = mask.sum(1).numpy()
    starts = np.concatenate([[0], np.cumsum(lengths)])
    tokens = ids[mask.bool()].numpy()
    return TunedTransformer(top, below, Places(starts, length), tokens, False, True)


def build(variant: str):
    tensors, sizes = load(variant)
    name = next(r for r in RENAMED if variant.startswith(r))
    kind = RECOMMENDERS[name.lower()]
    suffix = variant[len(name) :]
    lengths = {"title": sizes["num_words_title"], "abstract": sizes["num_words_abstract"]}
    text = {f: text_module(f, suffix, tensors, sizes, lengths[f]) for f in kind.fields}
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
        ),
        head={"": "word", "linear": "token", "bert": "cls"}[suffix],
        masked=False,
        zero_padded=suffix == "bert",
    )
    if name == "LSTUR":
        model.reads_padding = True
    ours = {}
    for key, value in tensors.items():
        # BERT's own pooler is in the released state dict, but nothing reads it.
        if key.startswith("param/") and ".bert.pooler." not in key:
            released = key.removeprefix("param/")
            prefix = max((p for p in RENAMED[name] if released.startswith(p)), key=len)
            if value.ndim == 4:  # Conv2d (filters, 1, window, width) -> Conv1d
                value = value.squeeze(1).transpose(1, 2)
            ours[RENAMED[name][prefix] + released.removeprefix(prefix)] = value
    expected = {n for n, _ in model.named_parameters()}
    assert set(ours) == expected, set(ours) ^ expected  # every parameter is the release's
    model.load_state_dict(ours, strict=False)
    return model.eval(), tensors


def batch_of(tensors: dict) -> Batch:
    """The file's batch, its articles numbered as in `numbered`."""
    b, c = tensors["out/train_path_scores"].shape
    h = tensors["out/clicked_vectors"].shape[1]
    candidates = 1 + torch.arange(b * c).view(b, c)
    clicked = 1 + b * c + torch.arange(b * h).view(b, h)
    clicked[torch.arange(h) < h - tensors["in/length"][:, None]] = 0
    return Batch(candidates, candidates > 0, clicked, tensors["in/user"])


def close(ours: torch.Tensor, released: torch.Tensor) -> None:
    torch.testing.assert_close(ours, released, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
@torch.no_grad()
def test_same_outputs_as_the_release(variant):
    model, tensors = build(variant)
    batch = batch_of(tensors)
    mask = batch.clicked > 0
    clicked = model.encode_news(batch.clicked.flatten()).unflatten(0, batch.clicked.shape)
    close(clicked, tensors["out/clicked_vectors"])
    close(model.encode_news(batch.candidates[:, 0]), tensors["out/news_vector_first_candidate"])
    close(model(batch), tensors["out/train_path_scores"])
    at_test = model.encode_user(clicked * mask.unsqueeze(2), mask, batch.users)
    close(at_test, tensors["out/test_path_user_vector"])
