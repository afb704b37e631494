"""What is free on a GPU: what the driver has left and what torch keeps for itself."""

import numpy as np
import pytest
import torch

from replication.encoders.models.text import Places, StoredVectors
from replication.machine.gpu import free_memory

GIB = 2**30


@pytest.fixture
def gpu(monkeypatch):
    """A GPU of 24 GiB as torch's functions describe it; `taken`: bytes that tensors take, `kept`:
    those of tensors that are gone, which torch keeps."""
    state = {"taken": 0, "kept": 0}
    cuda = torch.cuda
    monkeypatch.setattr(
        cuda, "mem_get_info", lambda _: (24 * GIB - state["taken"] - state["kept"], 24 * GIB)
    )
    monkeypatch.setattr(cuda, "memory_reserved", lambda _: state["taken"] + state["kept"])
    monkeypatch.setattr(cuda, "memory_allocated", lambda _: state["taken"])
    return state


def test_what_models_of_before_have_freed_counts_as_free(gpu):
    device = torch.device("cuda", 0)
    assert free_memory(device) == 24 * GIB
    gpu["taken"], gpu["kept"] = 2 * GIB, 20 * GIB
    assert free_memory(device) == 22 * GIB


def test_the_second_model_of_an_audit_has_its_vectors_on_the_gpu_too(gpu, monkeypatch):
    class Large(np.ndarray):
        nbytes = 5 * GIB  # less than .3 of 24 GiB, more than .3 of the 4 that the driver has left

    def stored() -> StoredVectors:
        states = np.zeros((3, 2), np.float16).view(Large)
        return StoredVectors(states, Places(np.arange(4)), masked=True)

    empty = torch.empty
    monkeypatch.setattr(torch, "empty", lambda *a, **k: empty(*a, **(k | {"device": "cpu"})))
    gpu["kept"] = 20 * GIB
    assert stored()._on_gpu(torch.device("cuda", 0)) is not None
    gpu["taken"], gpu["kept"] = 20 * GIB, 0
    assert stored()._on_gpu(torch.device("cuda", 0)) is None
