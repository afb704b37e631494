"""The processes that share the work of one stage: how many, which this one is, what they exchange.

A process that is alone, as by default, exchanges nothing and imports nothing for it. Several are
told of each other by the environment (RANK, WORLD_SIZE and so on, as torchrun sets it); they call
the functions below in the same order, and those that exchange something return when all have come.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, NoReturn

from replication.files.atomic import new_folder
from replication.files.errors import StudyError, one_line, shown, warn

if TYPE_CHECKING:
    from torch import Tensor, nn

# That one waits for the others, which idle while the first writes, or reads all of GloVe.
PATIENCE = timedelta(minutes=30)
SOON = 20.0  # seconds in which those come that were started together; then it is said who waits
LOST = (
    "another process of this run has ended, which its own line or its node's output tells of; run "
    "the same command again to go on"
)


def are_started() -> bool:
    """Whether somebody (`launch`, torchrun) has started this process as one of several."""
    return "RANK" in os.environ


def check() -> None:
    """See that the environment tells all of what one of several processes has to know.

    Errors: `StudyError` naming the variable that is missing or wrong, as where RANK has stayed from
    other work: such a process would wait for others in vain, or write nothing.
    """
    if not are_started():
        return
    rank = _number("RANK", "0")
    count = _number("WORLD_SIZE", "1" if rank == 0 else None)
    if rank >= count:
        _refuse("RANK", f"below WORLD_SIZE, which is {count}")
    if count > 1:
        _number("LOCAL_RANK")
        _number("MASTER_PORT")
        if not os.environ.get("MASTER_ADDR"):
            _refuse("MASTER_ADDR", "the host name of number 0")


def _number(name: str, default: str | None = None) -> int:
    value = os.environ.get(name, default)
    if value is None or not (value.isascii() and value.isdecimal()):
        _refuse(name, "a number from 0")
    return int(value)


def _refuse(name: str, expected: str) -> NoReturn:
    value = os.environ.get(name)
    found = "is not set" if value is None else f"{shown(value)} is not accepted"
    raise StudyError(
        f"{name}: {found}, but RANK in the environment says that this is one of several processes; "
        f"expected {expected}; unset RANK to work alone, or start all of them with torchrun"
    )


def have_launcher() -> bool:
    """Whether one that waits for them has started them, and speaks for them when they fail."""
    return "TORCHELASTIC_ERROR_FILE" in os.environ


def count() -> int:
    """How many there are, on all nodes."""
    return int(os.environ.get("WORLD_SIZE", "1")) if are_started() else 1


def rank() -> int:
    """Which one this is, from 0."""
    return int(os.environ["RANK"]) if are_started() else 0


def is_first() -> bool:
    """Whether this is the one that writes files and shows how far the work is."""
    return rank() == 0


def share(samples: int) -> tuple[list[int], float]:
    """Which samples of a batch are this process's, and the weight of their mean loss.

    The mean over processes of mean loss times weight is the mean loss of the whole batch. Where
    there are fewer samples than processes, some have none of their own: they take the first one,
    for all have to take part in the step, and it counts nothing.
    """
    own = range(rank(), samples, count())
    return list(own) or [0], count() * len(own) / samples


def seed(*place: int) -> None:
    """Seed torch by a place in a run, and by process where there are several: what is dropped out
    then depends on these alone, and a run that was cut off draws it again."""
    import numpy as np
    import torch

    own = [rank()] if count() > 1 else []
    torch.manual_seed(int(np.random.default_rng([*place, *own]).integers(2**63)))


def join() -> None:
    """Meet the others, before any work; this process takes a GPU of its own where there are any."""
    if count() == 1:
        return
    import torch
    from accelerate import PartialState

    where = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
    which = f"process {rank()} of {count()} (RANK, WORLD_SIZE)"
    waiting = Timer(SOON, warn, [f"{which} waits for the others at {where}"])
    waiting.daemon = True
    waiting.start()
    try:
        PartialState(cpu=not torch.cuda.is_available(), timeout=PATIENCE)
    except torch.distributed.DistError as error:
        raise StudyError(
            f"{which}: the others are not at {where} ({one_line(str(error))[:120]}); unset RANK to "
            "work alone, or start all of them with torchrun"
        ) from None
    finally:
        waiting.cancel()


def learning_together(module: "nn.Module") -> "nn.Module":
    """The module, of whose gradients each process gets the mean over all: their parameters, equal
    at first, stay so. Every parameter that trains has to take part in every step."""
    if count() == 1:
        return module
    from torch.nn.parallel import DistributedDataParallel

    return DistributedDataParallel(module, forward_sync_buffers=False)  # no buffer ever changes


def leave() -> None:
    """Part from the others at the end."""
    if count() > 1:
        import torch.distributed as dist

        if dist.is_initialized():  # of most commands each process does the whole by itself
            dist.destroy_process_group()


def wait() -> None:
    """Return when all have come here."""
    agreed(0)


def agreed(number: float) -> float:
    """The first process's number, in all of them: what decides how the work goes on."""
    if count() == 1:
        return number
    import torch
    import torch.distributed as dist

    values = _placed(torch.tensor([number], dtype=torch.float64))
    dist.broadcast(values, 0)
    return values.item()


def mean(values: "Tensor") -> "Tensor":
    """Of all processes' values of any shape, element by element."""
    return summed(values) / count() if count() > 1 else values


def summed(values: "Tensor") -> "Tensor":
    """Of all processes' values of any shape, element by element.

    Where each holds zeros but for its own part, the parts come together without a rounding.
    """
    if count() == 1:
        return values
    import torch.distributed as dist

    total = _placed(values).clone()
    dist.all_reduce(total)
    return total.to(values.device)


def gathered(rows: "Tensor") -> list["Tensor"]:
    """In the first process the rows (n, d) of each, where n may differ; elsewhere nothing."""
    if count() == 1:
        return [rows]
    import torch
    import torch.distributed as dist

    lengths = torch.zeros(count(), dtype=torch.int64)
    lengths[rank()] = len(rows)
    sizes = summed(lengths).tolist()
    padded = rows.new_zeros(max(sizes), rows.shape[1])
    padded[: len(rows)] = rows
    padded = _placed(padded)
    found = [torch.empty_like(padded) for _ in sizes] if is_first() else None
    dist.gather(padded, found)
    return [part[:n].to(rows.device) for part, n in zip(found or [], sizes, strict=False)]


def tell(message: str) -> None:
    """Print an error's line, or leave it for the launcher, which prints one for all."""
    if have_launcher():
        file = Path(os.environ["TORCHELASTIC_ERROR_FILE"])
        file.write_text(json.dumps({"message": message}), encoding="utf-8")
    else:
        print(f"error: {message}", file=sys.stderr)


def lost_another(error: RuntimeError) -> bool:
    """Whether an error is that of an exchange with a process which is gone."""
    import torch.distributed as dist

    told = any(word in str(error) for word in ("gloo", "closed by peer", "NCCL"))
    return count() > 1 and (isinstance(error, dist.DistError) or told)


@contextmanager
def folder_by_first(path: Path, key: str | None = None) -> Iterator[Path]:
    """`new_folder` in the first process. The others, which get `path` and write nothing, leave the
    block when the folder is there."""
    if is_first():
        with new_folder(path, key) as folder:
            yield folder
    else:
        yield path
    wait()


def _placed(values: "Tensor") -> "Tensor":
    """Where the backend can send it from: NCCL does from GPUs alone."""
    from replication.machine.precision import computing_device

    return values.to(computing_device())
