"""A tiny random checkpoint of each accepted architecture, with what makes it unlike others."""

from pathlib import Path

import torch
from small import LAYERS, WIDTH, _byte_level
from tokenizers import processors

HEADS, WINDOW, PLACES = 4, 4, 80

# By name: the model_type, and what its configuration says beside the sizes.
KINDS: dict[str, tuple[str, dict]] = {
    "bert": ("bert", {}),
    "roberta": ("roberta", {"type_vocab_size": 1}),
    "xlm-roberta": ("xlm-roberta", {"type_vocab_size": 1}),
    "camembert": ("camembert", {"type_vocab_size": 1}),
    "mpnet": ("mpnet", {}),
    "electra": ("electra", {"embedding_size": 8}),
    "electra-base": ("electra", {"embedding_size": WIDTH}),
    "deberta": (
        "deberta",
        {
            "relative_attention": True,
            "pos_att_type": ["c2p", "p2c"],
            "position_biased_input": False,
            "type_vocab_size": 0,
        },
    ),
    "deberta-v2": (
        "deberta-v2",
        {
            "relative_attention": True,
            "pos_att_type": ["c2p", "p2c"],
            "position_biased_input": False,
            "position_buckets": 8,
            "conv_kernel_size": 3,
            "conv_act": "gelu",
            "type_vocab_size": 0,
        },
    ),
    "deberta-v3": (
        "deberta-v2",
        {
            "relative_attention": True,
            "pos_att_type": ["p2c", "c2p"],
            "position_biased_input": False,
            "position_buckets": 8,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
            "type_vocab_size": 0,
        },
    ),
    "distilbert": ("distilbert", {"hidden_dim": 24}),
    "albert": ("albert", {"embedding_size": 8, "hidden_dropout_prob": 0.1}),
    "albert-groups": (
        "albert",
        {"embedding_size": 8, "num_hidden_groups": 2, "hidden_dropout_prob": 0.1},
    ),
    "modernbert": (
        "modernbert",
        {"local_attention": WINDOW, "global_attn_every_n_layers": 2, "cls_token_id": 0},
    ),
    "llama": ("llama", {"num_key_value_heads": 2}),
    "mistral": ("mistral", {"num_key_value_heads": 2, "sliding_window": WINDOW}),
    "qwen2": (
        "qwen2",
        {
            "num_key_value_heads": 2,
            "use_sliding_window": True,
            "sliding_window": WINDOW,
            "max_window_layers": 1,
        },
    ),
    "qwen3": ("qwen3", {"num_key_value_heads": 2, "head_dim": 8, "tie_word_embeddings": True}),
    "gemma2": (
        "gemma2",
        {
            "num_key_value_heads": 2,
            "head_dim": 8,
            "sliding_window": WINDOW,
            "attn_logit_softcapping": 1.0,
            "query_pre_attn_scalar": 8,
        },
    ),
    "gemma3": (
        "gemma3_text",
        {
            "num_key_value_heads": 2,
            "head_dim": 8,
            "sliding_window": WINDOW,
            "query_pre_attn_scalar": 8,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        },
    ),
    "phi3": ("phi3", {"num_key_value_heads": 2, "sliding_window": WINDOW}),
    "gpt2": ("gpt2", {}),
}
CAUSAL = ("llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3", "phi3", "gpt2")
TRANSFORMERS = tuple(kind for kind in KINDS if kind not in CAUSAL)


def write_kind(kind: str, folder: Path, places: int = PLACES) -> None:
    """A random checkpoint of three layers under a head, as published, with a tokenizer."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM

    model_type, more = KINDS[kind]
    tokenizer = _byte_level(["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A" if kind in CAUSAL else "<s> $A </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    config = AutoConfig.for_model(
        model_type, **(sizes() | {"max_position_embeddings": places}), **more
    )
    config.vocab_size = tokenizer.get_vocab_size()
    config.bos_token_id, config.pad_token_id, config.eos_token_id = 0, 1, 2
    torch.manual_seed(sum(map(ord, kind)))
    auto = AutoModelForCausalLM if kind in CAUSAL else AutoModelForMaskedLM
    model = auto.from_config(config)
    with torch.no_grad():  # biases and norms are like no others either
        for p in model.parameters():
            p.copy_(torch.randn_like(p) * 0.3 + (p.mean() > 0.5))
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))


def sizes() -> dict:
    """Under the names that most configurations have, or have as second ones."""
    return {
        "hidden_size": WIDTH,
        "intermediate_size": 24,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "max_position_embeddings": PLACES,
    }
