"""LSTUR's GRU on a processor, taken in steps, against PyTorch's own."""

import pytest
import torch
from tiny_study import recommender

LENGTHS = torch.tensor([5, 1, 0, 3, 5, 2, 0, 4])  # an empty history reads one slot
SLOTS = 5


def expected_of(model, vectors, places, first):
    """The GRU over each history alone: `first` clicks of a row, or its one empty slot."""
    states = []
    for row, count in enumerate(LENGTHS.tolist()):
        at = 0 if first else SLOTS - max(count, 1)
        read = vectors[places[row, at : at + max(count, 1)]]
        start = model.user_embedding(torch.tensor([row + 1]))[None]
        states.append(model.gru(read[None], start)[1][0, 0])
    return torch.stack(states)


@pytest.mark.parametrize("first", [True, False])  # the first slots (D3), or the clicks
def test_states_and_gradients_are_those_of_a_gru_over_each_history(first):
    model = recommender("lstur", masked=False, users=len(LENGTHS)).eval()
    model.reads_padding = first
    torch.manual_seed(1)
    torch.nn.init.normal_(model.user_embedding.weight)
    model.forget()
    model.know(torch.arange(1, len(LENGTHS) + 1))
    vectors = torch.randn(9, model.width)
    vectors = torch.cat([vectors, torch.zeros(1, model.width)])  # the last: an empty slot
    mask = torch.arange(SLOTS) >= SLOTS - LENGTHS[:, None]
    places = torch.randint(0, 9, mask.shape).masked_fill(~mask, 9)
    found, theirs = [], []
    for kept in (found, theirs):
        model.zero_grad()
        read = vectors.clone().requires_grad_()
        if kept is found:
            clicks = model.click_features(read)
            users = model.known_users[torch.arange(1, len(LENGTHS) + 1)]
            states = model.read_slots(clicks, places, None, LENGTHS, users)
        else:
            states = expected_of(model, read, places, first)
        (states * torch.linspace(-1, 1, model.width)).square().sum().backward()
        gradients = [parameter.grad for parameter in model.gru.parameters()]
        kept += [states.detach(), read.grad, model.user_embedding.weight.grad, *gradients]
    for ours, reference in zip(found, theirs, strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-5, atol=1e-6)
