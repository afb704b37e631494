import pytest
import torch
from torch import nn
from torch.nn import functional as F

from replication.machine.dropout import (
    Dropout,
    attend,
    dropout,
    register_attention,
    with_fast_dropout,
)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("p", [0.1, 0.2, 0.5, 0.999])
def test_values_are_zeroed_with_the_probability_and_the_rest_scaled_up(p, dtype):
    torch.manual_seed(1)
    n = 400_000
    y = dropout(torch.ones(n, dtype=dtype), p)
    scale = torch.tensor(1 / (1 - p)).item()
    assert torch.all((y == 0) | ((y.float() / scale - 1).abs() < (5e-2 if p > 0.99 else 5e-3)))
    zeros = (y == 0).float().mean().item()
    assert abs(zeros - p) < 5 * (p * (1 - p) / n) ** 0.5 + 2**-16  # five standard errors


def test_neighbours_are_dropped_independently():
    """Four of them come out of one random number."""
    torch.manual_seed(1)
    kept = (dropout(torch.ones(200_000, 4), 0.3) > 0).float()
    correlations = torch.corrcoef(kept.T) - torch.eye(4)
    assert correlations.abs().max() < 0.02


def test_the_gradient_passes_where_the_value_did():
    torch.manual_seed(1)
    x = torch.randn(7, 11, requires_grad=True)
    y = dropout(x, 0.4)
    y.sum().backward()
    assert torch.equal(x.grad != 0, y != 0)
    torch.testing.assert_close(x.grad * x, y)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (5, 1, 7), (0, 4), (2, 2)])
def test_any_shape(shape):
    assert dropout(torch.ones(shape), 0.5).shape == shape


def test_extremes():
    x = torch.randn(1000)
    assert torch.equal(dropout(x, 0.0), x)
    assert not dropout(x, 1.0).any()


def test_the_seed_decides():
    def draw(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return dropout(torch.ones(1001), 0.5)

    assert torch.equal(draw(3), draw(3))
    assert not torch.equal(draw(3), draw(4))


def test_nothing_is_dropped_outside_training():
    x = torch.randn(100)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(Dropout(0.0).train()(x), x)
    assert not torch.equal(Dropout(0.5).train()(x), x)


def heads() -> tuple[torch.Tensor, ...]:
    torch.manual_seed(2)
    return tuple(torch.randn(6, 3, 5, 4) for _ in range(3))  # (n, heads, t, width)


def mask() -> torch.Tensor:
    return (torch.arange(5) < torch.tensor([5, 4, 3, 2, 1, 5])[:, None])[:, None, None, :]


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("scaling", [None, 0.3])
def test_attention_with_little_dropout_is_pytorchs_without(masked, scaling):
    """A probability below the resolution of 1/65536 drops nothing but takes the other path."""
    q, k, v = heads()
    keys = mask() if masked else None
    module = nn.Module()
    module.is_causal = False  # as the attention of a BERT has it
    expected = F.scaled_dot_product_attention(q, k, v, keys, scale=scaling).transpose(1, 2)
    for probability in (0.0, 1e-6):
        found, _ = attend(module, q, k, v, keys, dropout=probability, scaling=scaling)
        torch.testing.assert_close(found, expected)


def test_attention_drops_weights():
    """Mean over many draws: the attention without dropout. One draw: some weights missing."""
    q, k, _ = heads()
    v = torch.eye(5).expand(6, 3, 5, 5)  # the output is the weights themselves
    expected = F.scaled_dot_product_attention(q, k, v, mask()).transpose(1, 2)
    torch.manual_seed(3)
    draws = torch.stack(
        [attend(nn.Module(), q, k, v, mask(), dropout=0.25)[0] for _ in range(3000)]
    )
    torch.testing.assert_close(draws.mean(0), expected, atol=0.05, rtol=0)
    possible = expected > 0
    assert abs((draws[:, possible] == 0).float().mean() - 0.25) < 0.01


@pytest.mark.slow
def test_a_whole_model_keeps_its_output_and_loses_no_dropout():
    from transformers import BertConfig, BertModel

    sizes = {"hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 48}
    sizes |= {"vocab_size": 60, "max_position_embeddings": 16, "num_hidden_layers": 2}
    torch.manual_seed(6)  # the same weights and ids whichever tests ran before
    plain, ours = (BertModel(BertConfig(**sizes), add_pooling_layer=False).eval() for _ in range(2))
    ours.load_state_dict(plain.state_dict())
    count = sum(isinstance(module, nn.Dropout) for module in ours.modules())
    with_fast_dropout(ours).set_attn_implementation(register_attention())
    assert sum(type(module) is Dropout for module in ours.modules()) == count > 0
    ids = torch.randint(60, (5, 9))
    attention_mask = (torch.arange(9) < torch.tensor([9, 3, 1, 7, 9])[:, None]).long()
    with torch.no_grad():
        expected = plain(ids, attention_mask=attention_mask).last_hidden_state
        found = ours(ids, attention_mask=attention_mask).last_hidden_state
    real = attention_mask.bool()
    torch.testing.assert_close(found[real], expected[real])

    ours.train()
    torch.manual_seed(5)
    with torch.no_grad():
        draws = [ours(ids, attention_mask=attention_mask).last_hidden_state for _ in range(300)]
    assert not torch.equal(draws[0], draws[1])
    plain.train()
    with torch.no_grad():
        others = [plain(ids, attention_mask=attention_mask).last_hidden_state for _ in range(300)]
    spread = torch.stack(draws)[:, real].std(0).mean() / torch.stack(others)[:, real].std(0).mean()
    assert 0.95 < spread < 1.05


@pytest.mark.parametrize("masked", [True, False])
def test_training_in_bfloat16_has_the_gradients_of_fused_attention(masked):
    """Heads that share keys and values, and a causal mask where none is given, as in Llama."""
    torch.manual_seed(4)
    q, k, v = (torch.randn(3, heads, 6, 8, requires_grad=True) for heads in (4, 2, 2))
    keys = (torch.rand(3, 1, 6, 6) < 0.7) | torch.eye(6, dtype=torch.bool) if masked else None
    module = nn.Module()
    module.is_causal = True
    found, _ = attend(module, q.bfloat16(), k.bfloat16(), v.bfloat16(), keys)
    expected = F.scaled_dot_product_attention(
        q, k, v, keys, is_causal=not masked, enable_gqa=True
    ).transpose(1, 2)
    torch.testing.assert_close(found.float(), expected, atol=0.02, rtol=0.02)
    weight = torch.randn_like(expected)
    ours = torch.autograd.grad((found.float() * weight).sum(), (q, k, v))
    theirs = torch.autograd.grad((expected * weight).sum(), (q, k, v))
    for gradient, reference in zip(ours, theirs, strict=True):
        torch.testing.assert_close(gradient, reference, atol=0.05, rtol=0.05)
