import subprocess
import sys

import pytest
import torch
from torch import Tensor

from replication.training.adam import Adam

WITHOUT_COMPILER = """
import sys
import torch
from replication.training.adam import Adam

layer = torch.nn.Linear(3, 2)
adam = Adam([{"params": layer.parameters(), "lr": 0.1}], fused=True)
layer(torch.ones(1, 3)).sum().backward()
adam.step()
adam.zero_grad(set_to_none=True)
assert "torch._dynamo" not in sys.modules
"""


def trained(kind: type[torch.optim.Adam]) -> tuple[list[Tensor], dict]:
    """Parameters and state after five steps at two learning rates."""
    torch.manual_seed(1)
    layers = [torch.nn.Linear(7, 5), torch.nn.Linear(5, 3)]
    groups = [{"params": layer.parameters(), "lr": 0.1 / (1 + i)} for i, layer in enumerate(layers)]
    adam = kind(groups, fused=True)
    for step in range(5):
        layers[1](torch.relu(layers[0](torch.ones(4, 7) * step))).square().sum().backward()
        adam.step()
        adam.zero_grad(set_to_none=True)
    assert all(p.grad is None for layer in layers for p in layer.parameters())
    return [p.detach() for layer in layers for p in layer.parameters()], adam.state_dict()


def test_it_steps_as_that_of_torch_does():
    (ours, our_state), (theirs, their_state) = trained(Adam), trained(torch.optim.Adam)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    for number, kept in their_state["state"].items():
        for name, value in kept.items():
            assert torch.equal(our_state["state"][number][name], value)


@pytest.mark.slow
def test_it_imports_no_compiler():
    subprocess.run([sys.executable, "-c", WITHOUT_COMPILER], check=True)
