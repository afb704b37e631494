"""Four bits: levels by their definition, rounding by hand, an adapter over a rounded base."""

import json
from pathlib import Path

import numpy as np
import torch
from scipy import stats
from torch import nn
from transformers.pytorch_utils import Conv1D

from replication.encoders.sources.adapters import load_causal
from replication.encoders.sources.nf4 import BLOCK, LEVELS, round_base, rounded

LORA = Path("checkpoints/llama-lora")


def test_levels_are_quantiles_of_a_normal_distribution():
    """Eight below zero, zero, seven above (QLoRA, equation 4), as bitsandbytes places them."""
    outer = 1 - (1 / 32 + 1 / 30) / 2
    upper = stats.norm.ppf(np.linspace(outer, 0.5, 9)[:-1])
    lower = -stats.norm.ppf(np.linspace(outer, 0.5, 8)[:-1])
    levels = np.sort(np.concatenate([upper, lower, [0.0]])) / upper.max()
    np.testing.assert_allclose(LEVELS, levels, atol=2e-6)


def test_each_value_is_the_nearest_level_of_its_block():
    weight = torch.randn(3, 50, generator=torch.Generator().manual_seed(1)) * 0.02
    weight[0, 0] = 1.0  # sets the scale of the first block alone
    flat = weight.bfloat16().float().flatten().numpy()
    expected = []
    for start in range(0, len(flat), BLOCK):
        block = flat[start : start + BLOCK]
        scale = np.abs(block).max()
        for value in block:
            expected.append(min((level * scale for level in LEVELS), key=lambda v: abs(v - value)))
    found = rounded(weight)
    assert found.shape == weight.shape and found.dtype == weight.dtype
    np.testing.assert_allclose(found.flatten().numpy(), expected, rtol=2**-8)
    assert torch.equal(rounded(torch.zeros(2, 3)), torch.zeros(2, 3))
    assert rounded(weight.bfloat16()).dtype == torch.bfloat16


def test_linear_layers_are_rounded_and_the_head_is_not():
    torch.manual_seed(2)
    model = nn.ModuleDict(
        {"q": nn.Linear(64, 5), "c": Conv1D(5, 64), "e": nn.Embedding(5, 4),
         "lm_head": nn.Linear(4, 5)}
    )  # fmt: skip
    with torch.no_grad():
        model["c"].weight.copy_(model["q"].weight.T)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    round_base(model)
    after = dict(model.named_parameters())
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"q.weight", "c.weight"}
    assert torch.equal(after["c.weight"], after["q.weight"].T)  # blocks run along the inputs


def test_an_adapter_is_merged_into_the_base_that_it_was_trained_over(adapted_copy):
    plain = load_causal(Path("checkpoints/llama"), "float32")
    merged = load_causal(LORA, "float32")
    path = LORA / "source.json"
    origin = json.loads(path.read_text())
    assert origin["training"]["base_format"] == "fp32"
    origin["training"]["base_format"] = "nf4"
    path.write_text(json.dumps(origin))
    over_four_bits = load_causal(LORA, "float32")
    name = "model.layers.1.mlp.up_proj.weight"
    base, full, found = (m.get_parameter(name) for m in (plain, merged, over_four_bits))
    torch.testing.assert_close(found, rounded(base) + (full - base))
    assert not torch.equal(found, full)
