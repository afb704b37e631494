"""Operations counted, against counts by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from replication.machine.operations import counted, of_texts


def test_a_layer_by_hand():
    """Two operations for each product and its sum: 2 x 5 x 3 x 4 forward; backward as many for the
    weights, and again for what comes in, if that is asked for."""
    layer, x = nn.Linear(3, 4), torch.randn(5, 3)
    assert counted(lambda: layer(x)) == 120
    weights = list(layer.parameters())
    assert counted(lambda: torch.autograd.grad(layer(x).sum(), weights)) == 240
    given = torch.randn(5, 3, requires_grad=True)
    both = lambda: F.linear(given, layer.weight).sum()  # noqa: E731
    assert counted(lambda: torch.autograd.grad(both(), [layer.weight, given])) == 360


@pytest.mark.parametrize("grad", [False, True])
def test_attention_by_hand(grad):
    """Scores and their use: 2 x (2 x 7 x 7 x 8) for each of 6 heads of 2 texts."""
    q, k, v = (torch.randn(2, 6, 7, 8, requires_grad=grad) for _ in range(3))
    assert counted(lambda: F.scaled_dot_product_attention(q, k, v)) == 2 * 6 * 2 * (2 * 7 * 7 * 8)


def test_nothing_is_drawn_from_the_generator_at_hand():
    torch.manual_seed(1)
    counted(lambda: torch.rand(3))
    first = torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(first, torch.rand(3))


def test_texts_of_many_lengths_are_counted_on_three():
    torch.manual_seed(2)
    layer = nn.TransformerEncoderLayer(16, 2, 24, batch_first=True).train()

    def run(texts, width):
        return lambda: layer(torch.zeros(texts, width, 16))

    batches = [(3, 40), (5, 17), (1, 6), (9, 1)]
    expected = sum(counted(run(texts, width)) for texts, width in batches)
    assert of_texts(lambda width: run(1, width)(), batches) == pytest.approx(expected, rel=1e-9)
    # Three products of the layer's width: q, k, v; out; there and back through 24; and attention.
    by_hand = sum(n * (2 * t * 16 * (4 * 16 + 2 * 24) + 2 * 2 * t * t * 16) for n, t in batches)
    assert expected == by_hand
    assert of_texts(lambda width: run(1, width)(), []) == 0.0
