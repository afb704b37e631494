"""The state of a training run on disk, from which one that was cut off goes on to the same end."""

import glob
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from replication.files.atomic import new_file
from replication.files.digest import DIGITS, of_key
from replication.machine import processes
from replication.machine.locks import alone

SAVE_EVERY = 300  # seconds between two saves, at least
_SHARE = 20  # and at least so many times what a save took


@contextmanager
def state_of(stem: Path, key: str) -> Iterator["SavedState"]:
    """The state of a run (see `SavedState`), removed when what stands in the block has ended well.

    Two stages may be of one run: a cell of the grid and the experiment at hand, or a base of the
    audit. The second waits until the first has ended, and begins with what that has left: two that
    wrote one file would go on from each other's parameters.
    """
    path = _path(stem, key)
    with alone(path.stem, f"{path}: another stage is at the same run; waiting for it"):
        state = SavedState(stem, key)
        yield state
        state.remove()


def _path(stem: Path, key: str) -> Path:
    return stem.with_name(f"{stem.name}-{of_key(key)}.safetensors")


class SavedState:
    """Parameters that train, the optimizer's moments, torch's generators, and notes, in one file.

    Of several processes all read it, and the first writes it.

    stem    folder and name of the run; the file's name ends in the key's digest, so that runs of
            one name which differ in anything (the audit's, another protocol's) do not share it
    key     what the run's result depends on (`environment.result_key`); that there is a state under
            another key alone, or a damaged one, is told in one line
    path    safetensors; not there before the first `save`
    notes   those of the state that was found; None where there is none to go on from
    """

    def __init__(self, stem: Path, key: str):
        self.path, self.key = _path(stem, key), key
        self.notes: dict[str, Any] | None = self._read()
        self._next = time.monotonic() + SAVE_EVERY

    @property
    def due(self) -> bool:
        """Whether enough time has passed since the last save, or since the start."""
        return time.monotonic() >= self._next

    def save(
        self,
        parameters: Mapping[str, Tensor],
        optimizer: torch.optim.Optimizer,
        notes: dict[str, Any],
        others: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Replace the file. Notes are JSON; `others` are tensors under names of the caller's.

        Where processes hold shares of a parameter, all have to call this.
        """
        from safetensors.torch import save_file

        started = time.monotonic()
        tensors = taken_down(parameters, optimizer, others)
        if not processes.is_first():
            return
        with new_file(self.path) as temporary:
            save_file(tensors, temporary, {"key": self.key, "notes": json.dumps(notes)})
            with temporary.open("rb") as file:  # or a power cut could leave zeros under its name
                os.fsync(file.fileno())
        ended = time.monotonic()
        self._next = ended + max(SAVE_EVERY, _SHARE * (ended - started))

    def restore(
        self, parameters: Mapping[str, Tensor], optimizer: torch.optim.Optimizer
    ) -> dict[str, Tensor]:
        """Bring all back to where `notes` say that it was; returns the caller's other tensors."""
        from safetensors.torch import load_file

        return brought_back(load_file(self.path), parameters, optimizer)

    def remove(self) -> None:
        """The run is finished and written down."""
        if processes.is_first():
            self.path.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any] | None:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path, framework="pt") as file:
                found = file.metadata() or {}
        except FileNotFoundError:
            name = self.path.stem[:-DIGITS]  # with its hyphen
            others = f"{glob.escape(name)}{'[0-9a-f]' * DIGITS}.safetensors"
            if not any(self.path.parent.glob(others)):
                return None
            problem = (
                "there is a state of other parameters, data, code, libraries or hardware alone"
            )
        except (SafetensorError, OSError):
            problem = "damaged"
        else:
            if found.get("key") == self.key:
                return json.loads(found["notes"])
            problem = "of another run"  # of which the digits are the same
        if processes.is_first():
            told = f"{self.path}: {problem}, so that training starts over"
            print(told, file=sys.stderr, flush=True)
        return None


def taken_down(
    parameters: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    others: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """All that `brought_back` wants, on the processor; what lies there already is not copied."""
    tensors = {f"other/{name}": t for name, t in (others or {}).items()}
    for name, p in parameters.items():
        tensors[f"parameter/{name}"] = p
        for kind, t in optimizer.state.get(p, {}).items():
            tensors[f"{kind}/{name}"] = t
    tensors |= {f"generator/{name}": t for name, t in generators().items()}
    return {name: whole(t.detach()).cpu().contiguous() for name, t in tensors.items()}


@torch.no_grad()
def brought_back(
    tensors: Mapping[str, Tensor],
    parameters: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
) -> dict[str, Tensor]:
    """Bring all back to where it was `taken_down`; returns the caller's other tensors."""
    parts: dict[str, dict[str, Tensor]] = {}
    for name, t in tensors.items():
        kind, _, rest = name.partition("/")
        parts.setdefault(kind, {})[rest] = t
    for name, p in parameters.items():
        p.copy_(_shared(parts["parameter"][name], p))
    for kind in parts.keys() - {"parameter", "generator", "other"}:
        for name, t in parts[kind].items():
            optimizer.state[parameters[name]][kind] = _shared(t, parameters[name])
    set_generators(parts["generator"])
    return parts.get("other", {})


def generators() -> dict[str, Tensor]:
    """Where torch's generators are, by device."""
    found = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        found["cuda"] = torch.cuda.get_rng_state()
    return found


def set_generators(to: Mapping[str, Tensor]) -> None:
    """Bring them to where `generators` found them."""
    torch.set_rng_state(to["cpu"])
    if torch.cuda.is_available():
        torch.cuda.set_rng_state(to["cuda"])


def whole(t: Tensor) -> Tensor:
    """All of a tensor of which processes hold shares (they all have to ask); else itself."""
    return t.full_tensor() if hasattr(t, "full_tensor") else t


def _shared(t: Tensor, p: Tensor) -> Tensor:
    """`t` on the device of parameter `p`, and shared among processes as that is."""
    t = t.to(p.device)
    if t.shape != p.shape or not hasattr(p, "full_tensor"):  # a number of steps is everyone's
        return t
    from torch.distributed.tensor import distribute_tensor

    sharded: Any = p  # a DTensor
    return distribute_tensor(t, sharded.device_mesh, sharded.placements)
