"""What is saved of a training run comes back to the last bit, or not at all."""

import pytest
import torch
from torch import nn

from replication.machine import saved_state
from replication.machine.saved_state import SavedState

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


class Net(nn.Module):
    """One part has a gradient at every other step only, so that Adam counts its steps apart."""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(3, 4, batch_first=True)
        self.rare = nn.Linear(4, 4)
        self.unused = nn.Linear(2, 2)
        self.drop = nn.Dropout(0.3)

    def forward(self, x, step):
        y = self.drop(self.gru(x)[0])
        return (self.rare(y) if step % 2 else y).square().mean()


def build(device="cpu"):
    torch.manual_seed(4)
    net = Net().to(device)
    often, rare = net.gru.parameters(), [*net.rare.parameters(), *net.unused.parameters()]
    groups = [{"params": often, "lr": 0.1}, {"params": rare, "lr": 0.01}]
    return net, torch.optim.Adam(groups, fused=True)


def steps(net, optimizer, numbers):
    for step in numbers:
        optimizer.zero_grad(set_to_none=True)
        x = torch.randn(5, 6, 3, device=net.unused.weight.device)
        net(x, step).backward()
        optimizer.step()


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=GPU)])
@pytest.mark.parametrize("at", [0, 1, 2, 5])
def test_what_follows_is_the_same_to_the_last_bit(tmp_path, at, device):
    path = tmp_path / "a" / "b"
    net, optimizer = build(device)
    steps(net, optimizer, range(at))
    state = SavedState(path, "key")
    assert state.notes is None
    kept = {"weights": torch.arange(3.0), "none": torch.empty(0)}
    state.save(dict(net.named_parameters()), optimizer, {"step": at, "x": 0.1}, kept)
    steps(net, optimizer, range(at, 8))
    other, others = build(device)
    torch.manual_seed(77)
    found = SavedState(path, "key")
    assert found.notes == {"step": at, "x": 0.1}
    back = found.restore(dict(other.named_parameters()), others)
    assert back.keys() == kept.keys() and all(torch.equal(back[n], kept[n]) for n in kept)
    steps(other, others, range(at, 8))
    expected = net.state_dict()
    assert all(torch.equal(t, expected[n]) for n, t in other.state_dict().items())
    found.remove()
    assert not list(path.parent.iterdir()) and SavedState(path, "key").notes is None


def test_a_failed_save_leaves_the_state_before(tmp_path, monkeypatch):
    path = tmp_path / "a"
    net, optimizer = build()
    state = SavedState(path, "key")
    state.save(dict(net.named_parameters()), optimizer, {"step": 1})
    before = state.path.read_bytes()
    monkeypatch.setattr(saved_state.os, "fsync", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        state.save(dict(net.named_parameters()), optimizer, {"step": 2})
    assert state.path.read_bytes() == before and list(tmp_path.iterdir()) == [state.path]


def test_saves_are_minutes_apart_and_cost_little(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(saved_state.time, "monotonic", lambda: now[0])
    net, optimizer = build()
    state = SavedState(tmp_path / "a", "key")

    def after(seconds: float) -> bool:
        now[0] += seconds
        return state.due

    assert [after(299), after(1)] == [False, True]
    state.save(dict(net.named_parameters()), optimizer, {})
    assert [after(299), after(1)] == [False, True]
    monkeypatch.setattr(saved_state.os, "fsync", lambda _: after(60))
    state.save(dict(net.named_parameters()), optimizer, {})
    assert [after(1199), after(1)] == [False, True]  # a minute of twenty


@pytest.mark.parametrize("content", [b"", b"\x00" * 500, b"PK\x03\x04", None])
def test_what_is_no_state_is_told_in_one_line(tmp_path, capfd, content):
    path = SavedState(tmp_path / "a", "key").path
    path.mkdir() if content is None else path.write_bytes(content)
    assert SavedState(tmp_path / "a", "key").notes is None
    error = capfd.readouterr().err
    assert error.count("\n") == 1 and str(path) in error and "damaged" in error


def test_a_file_of_tensors_that_is_no_state(tmp_path, capfd):
    from safetensors.torch import save_file

    save_file({"a": torch.ones(2)}, SavedState(tmp_path / "a", "key").path)
    assert SavedState(tmp_path / "a", "key").notes is None
    assert "of another run" in capfd.readouterr().err


def test_runs_of_one_name_do_not_share_a_state(tmp_path, capfd):
    """The audit's run and the grid's, or two jobs of a cluster."""
    net, optimizer = build()
    one, other = SavedState(tmp_path / "a", "key"), SavedState(tmp_path / "a", "another")
    one.save(dict(net.named_parameters()), optimizer, {"step": 1})
    other.save(dict(net.named_parameters()), optimizer, {"step": 2})
    assert SavedState(tmp_path / "a", "key").notes == {"step": 1}
    one.remove()
    assert SavedState(tmp_path / "a", "another").notes == {"step": 2}
    assert not capfd.readouterr().err
    assert SavedState(tmp_path / "a", "key").notes is None
    assert "of other parameters, data" in capfd.readouterr().err  # there is the other's alone
    assert SavedState(tmp_path / "a-b", "key").notes is None
    assert not capfd.readouterr().err  # and none of this name
