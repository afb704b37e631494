"""Two real processes that share a stage, meeting over gloo; forked, so that they start at once."""

import os
import socket
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import stage_process
import torch

from replication.encoders.models import states
from replication.evaluation import scoring
from replication.machine import saved_state


def start(folder: Path, count: int, target: Callable[..., int | None], *given) -> list[BaseProcess]:
    """`target(*given)` in `count` processes, as torchrun would start them, in `folder`.

    What number i prints goes to `folder`/log<i>. States are saved at every step, and batches of
    embedding and scoring are so small that each process has several.
    """
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    world = {"MASTER_ADDR": "localhost", "MASTER_PORT": port, "WORLD_SIZE": str(count)}
    world["OMP_NUM_THREADS"] = "1"  # which the launcher sets too
    found = []
    for rank in range(count):
        own = world | {"RANK": str(rank), "LOCAL_RANK": str(rank)} if count > 1 else {}
        found.append(stage_process.forked(_run, str(folder), rank, own, target, given))
    return found


def ended(folder: Path, processes: list[BaseProcess]) -> tuple[list[int], list[str]]:
    """Exit status of each, and what it printed."""
    for process in processes:
        process.join()
    logs = [folder / f"log{rank}" for rank in range(len(processes))]
    return [p.exitcode for p in processes], [log.read_text(encoding="utf-8") for log in logs]


def run(folder: Path, count: int, target: Callable[..., int | None], *given) -> None:
    """To the end, which must be a good one."""
    statuses, printed = ended(folder, start(folder, count, target, *given))
    assert statuses == [0] * count, printed


def wait_for(pattern: Path, processes: list[BaseProcess]) -> None:
    """Until a file of such a name is there; a process that ends before is an error."""
    while not any(pattern.parent.glob(pattern.name)):
        assert all(p.exitcode is None for p in processes)
        time.sleep(0.001)


def _run(folder: str, rank: int, own: dict, target: Callable[..., int | None], given: tuple):
    os.chdir(folder)
    os.environ |= own
    torch.set_num_threads(1)
    saved_state.SAVE_EVERY = states.SAVE_EVERY = saved_state._SHARE = 0
    states.TOKENS_PER_BATCH = 40
    scoring.ARTICLES_AT_ONCE, scoring.USERS_AT_ONCE, scoring.IMPRESSIONS_AT_ONCE = 7, 3, 8
    log = os.open(f"log{rank}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    sys.exit(target(*given))
