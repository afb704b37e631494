"""Stages as processes that can be killed, forked from one that has the libraries imported."""

import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from replication.__main__ import main
from replication.encoders.models import states
from replication.machine import saved_state

FORKED = multiprocessing.get_context("forkserver")
MAIN = sys.modules["__main__"]
# The last one, for a child looks for the main module of its parent.
FORKED.set_forkserver_preload(
    [
        *("accelerate", "peft", "replication.experiment.audit", "replication.encoders.lora.adapt"),
        *("replication.encoders.models.embed", "replication.paper.compare"),
        "replication.report.write",
        *("transformers.models.bert.modeling_bert", "transformers.models.llama.modeling_llama"),
        "pytest",
    ]
)


def forked(target: Callable[..., None], *given: object) -> BaseProcess:
    """Start `target(*given)` in a child, which begins by running the main module of its parent.

    Streamlit's AppTest leaves the page that it tested in that place.
    """
    sys.modules["__main__"] = MAIN
    process = FORKED.Process(target=target, args=given)
    process.start()
    return process


def start(folder: Path, stage: str, largest: int | None = None) -> BaseProcess:
    """Start `python -m replication <stage>` in `folder`; what it prints goes to `folder`/log.

    Returns when the stage begins. States of training and of embedding are saved at every step, not
    every few minutes.
    largest  bytes that a file may have, as if the disk were full
    """
    log = folder / "log"
    log.unlink(missing_ok=True)
    process = forked(_run, str(folder), stage, largest)
    while not log.exists() and process.exitcode is None:
        time.sleep(0.001)
    return process


def _run(folder: str, stage: str, largest: int | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.chdir(folder)
    torch.set_num_threads(1)
    saved_state.SAVE_EVERY = states.SAVE_EVERY = saved_state._SHARE = 0
    if largest is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    log = os.open("log", os.O_WRONLY | os.O_CREAT)  # from here on it can be interrupted
    for stream in (1, 2):
        os.dup2(log, stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    status = main(stage.split())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(status)
