"""A small random Llama as transformers has it, and the same model in a GGUF file."""

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from small import _byte_level

LAYERS, WIDTH, HEADS, GROUPS, MLP, PLACES = 3, 64, 4, 2, 96, 256
MARKS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
NAMES = {  # of a layer's tensors: what transformers calls them
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
OTHERS = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}


def tokenizer():
    """Byte-level, without a token that it adds by itself."""
    return _byte_level(MARKS)


def model() -> Any:
    """A random `LlamaForCausalLM` whose head is the table of its tokens."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=tokenizer().get_vocab_size(),
        hidden_size=WIDTH,
        intermediate_size=MLP,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=GROUPS,
        max_position_embeddings=PLACES,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 5000.0},
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        initializer_range=0.15,
    )
    made = LlamaForCausalLM(config).eval()
    with torch.no_grad():  # norms are like no others either
        for name, p in made.named_parameters():
            if "norm" in name:
                p.copy_(1 + 0.3 * torch.randn_like(p))
    return made


def rotated(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of queries or keys in GGUF's order: a pair that is rotated together stands together."""
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, -1)
    return halves.swapaxes(1, 2).reshape(weight.shape)


def weights() -> dict[str, np.ndarray]:
    """The model's tensors under GGUF's names, float32."""
    state = {key: value.numpy() for key, value in model().state_dict().items()}
    found = {f"{name}.weight": state[f"{of}.weight"] for name, of in OTHERS.items()}
    for layer in range(LAYERS):
        for name, of in NAMES.items():
            weight = state[f"model.layers.{layer}.{of}.weight"]
            heads = {"attn_q": HEADS, "attn_k": GROUPS}.get(name)
            found[f"blk.{layer}.{name}.weight"] = rotated(weight, heads) if heads else weight
    return found


def write_gguf(
    path: Path,
    kind: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.F32,
    architecture: str = "llama",
    more: dict[str, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Write the file, its matrices as `kind`; return its tensors as they can be read again."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name("tiny")
    writer.add_block_count(LAYERS)
    writer.add_context_length(PLACES)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(MLP)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(GROUPS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(5000.0)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    parts = json.loads(tokenizer().to_str())["model"]
    words = sorted(parts["vocab"], key=parts["vocab"].get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(words)
    writer.add_token_types([3 if word in MARKS else 1 for word in words])
    writer.add_token_merges([" ".join(pair) for pair in parts["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_add_bos_token(False)
    read = {}
    for name, weight in (weights() | (more or {})).items():
        plain = kind == gguf.GGMLQuantizationType.F32 or weight.ndim == 1
        if plain:
            writer.add_tensor(name, weight)
            read[name] = weight
        else:
            packed = gguf.quantize(weight, kind)
            writer.add_tensor(name, packed, raw_dtype=kind)
            read[name] = gguf.dequantize(packed, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return read
