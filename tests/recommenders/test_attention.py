"""The attentions and the dropout against NumPy, PyTorch's own modules and arithmetic."""

import numpy as np
import pytest
import torch
from torch import nn

from replication.recommenders.attention import (
    AdditiveAttention,
    ConvolutionReader,
    Dropout,
    SelfAttention,
)


def masks(lengths: list[int], width: int, side: str = "right") -> torch.Tensor:
    read = torch.arange(width) < torch.tensor(lengths)[:, None]
    return read if side == "right" else read.flip(1)


def test_additive_attention_by_hand():
    attention = AdditiveAttention(2, 2)
    with torch.no_grad():
        attention.linear.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
        attention.linear.bias.copy_(torch.tensor([0.5, -0.5]))
        attention.query.copy_(torch.tensor([1.0, -1.0]))
    x = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
    # score = tanh(x0 + 0.5) - tanh(2 x1 - 0.5)
    scores = [np.tanh(a + 0.5) - np.tanh(2 * b - 0.5) for a, b in x]
    weights = np.exp(scores) / np.exp(scores).sum()
    out = attention(torch.tensor(x[None], dtype=torch.float32))
    np.testing.assert_allclose(out.detach()[0], weights @ x, rtol=1e-6)

    weights = np.exp(scores[:2]) / np.exp(scores[:2]).sum()
    mask = torch.tensor([[True, True, False]])
    out = attention(torch.tensor(x[None], dtype=torch.float32), mask)
    np.testing.assert_allclose(out.detach()[0], weights @ x[:2], rtol=1e-6)


def test_additive_attention_survives_large_scores():
    attention = AdditiveAttention(3, 2)
    with torch.no_grad():
        attention.query.fill_(1e4)
    x = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(1))
    out = attention(x)
    assert out.isfinite().all()
    # A mean: within the range of what was averaged.
    assert (out <= x.amax(1) + 1e-6).all() and (out >= x.amin(1) - 1e-6).all()


@pytest.mark.parametrize("heads", [1, 3, 4])
@pytest.mark.parametrize("masked", [False, True])
def test_self_attention_is_multihead_attention_without_output_projection(heads, masked):
    torch.manual_seed(heads)
    ours, theirs = SelfAttention(12, heads), nn.MultiheadAttention(12, heads, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.q.weight, ours.k.weight, ours.v.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.q.bias, ours.k.bias, ours.v.bias]))
        theirs.out_proj.weight.copy_(torch.eye(12))
        theirs.out_proj.bias.zero_()
    x = torch.randn(4, 5, 12)
    mask = masks([5, 1, 3, 2], 5) if masked else None
    expected, _ = theirs(x, x, x, key_padding_mask=None if mask is None else ~mask)
    torch.testing.assert_close(ours(x, mask), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("side", ["left", "right"])
def test_masked_attention_knows_neither_amount_nor_content_of_padding(side):
    torch.manual_seed(2)
    own, pool = SelfAttention(12, 3), AdditiveAttention(12, 8)
    x = torch.randn(1, 3, 12)

    def read(padding: torch.Tensor) -> torch.Tensor:
        parts = [padding, x] if side == "left" else [x, padding]
        mask = masks([3], 3 + padding.shape[1], side)
        return pool(own(torch.cat(parts, dim=1), mask), mask)

    expected = pool(own(x))
    for count in (0, 1, 7):
        for scale in (0.0, 1.0, 100.0):
            padding = scale * torch.randn(1, count, 12)
            torch.testing.assert_close(read(padding), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("window", [1, 2, 3, 5])
def test_in_32_bits_a_processor_multiplies_what_pytorch_convolves(window):
    """The same CNN, output and gradients."""
    torch.manual_seed(0)
    reader = ConvolutionReader(7, 5, window, 4, dropout=0.0)
    x = torch.randn(3, 9, 7, requires_grad=True)
    ours, theirs = reader._convolved(x), reader.cnn(x.transpose(1, 2)).transpose(1, 2)
    assert ours.shape == theirs.shape
    torch.testing.assert_close(ours, theirs)
    down, inputs = torch.randn_like(theirs), (x, reader.cnn.weight, reader.cnn.bias)
    found = (torch.autograd.grad(y, inputs, down) for y in (ours, theirs))
    for own, other in zip(*found, strict=True):
        torch.testing.assert_close(own, other)


def test_convolution_reader_by_hand():
    torch.manual_seed(3)
    reader = ConvolutionReader(4, 6, 3, 5, dropout=0.2).eval()
    x = torch.randn(2, 5, 4)
    weight, bias = reader.cnn.weight, reader.cnn.bias  # (filters, width, window)
    padded = torch.cat([torch.zeros(2, 1, 4), x, torch.zeros(2, 1, 4)], dim=1)
    rows = []
    for t in range(5):
        window = padded[:, t : t + 3]  # (2, 3, 4)
        rows.append(torch.relu(torch.einsum("ntw,fwt->nf", window, weight) + bias))
    expected = reader.attention(torch.stack(rows, dim=1))
    torch.testing.assert_close(reader(x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.5])
def test_dropout_rate_and_scale(rate):
    torch.manual_seed(4)
    dropout, ones = Dropout(rate), torch.ones(400, 500)
    out = dropout(ones)
    share = float((out == 0).float().mean())
    assert abs(share - rate) < 4 * (rate * (1 - rate) / ones.numel()) ** 0.5
    torch.testing.assert_close(out[out != 0].unique(), torch.tensor([1 / (1 - rate)]))
    assert not torch.equal(out, dropout(ones))


def test_dropout_is_the_identity_in_evaluation_and_at_rate_zero():
    x = torch.randn(3, 4)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(Dropout(0.0).train()(x), x)


def test_dropout_keeps_the_dtype_and_passes_scaled_gradients():
    torch.manual_seed(5)
    assert Dropout(0.5)(torch.ones(8, dtype=torch.bfloat16)).dtype == torch.bfloat16
    x = torch.ones(50, requires_grad=True)
    out = Dropout(0.5)(x)
    out.sum().backward()
    assert torch.equal(x.grad, out.detach())
