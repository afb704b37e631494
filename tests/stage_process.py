"""Stages as processes that can be killed, forked from one that has the libraries imported."""

import multiprocessing
import os
import resource
import signal
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path

import accelerate  # noqa: F401
import peft  # noqa: F401
import torch

from replication import saved_state
from replication.__main__ import main
from replication.encoders import states

_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload([__name__])


def start(folder: Path, stage: str, largest: int | None = None) -> BaseProcess:
    """Start `python -m replication <stage>` in `folder`; what it prints goes to `folder`/log.

    States of training and of embedding are saved at every step, not every few minutes.
    largest  bytes that a file may have, as if the disk were full
    """
    process = _FORKED.Process(target=_run, args=(str(folder), stage, largest))
    process.start()
    return process


def _run(folder: str, stage: str, largest: int | None) -> None:
    os.chdir(folder)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    torch.set_num_threads(1)
    saved_state.SAVE_EVERY = states.SAVE_EVERY = saved_state._SHARE = 0
    if largest is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    sys.exit(main(stage.split()))
