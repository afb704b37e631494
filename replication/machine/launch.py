"""Start a stage as several processes, and tell in one line how it ended where it did not end well.

The processes run the very command that was typed. Torch's elastic agent, which is what torchrun
runs, starts them, tells them of each other, and ends all of them when one is lost.
"""

import ctypes
import logging
import os
import signal
import socket
import sys
import tempfile
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from replication.files.errors import StudyError
from replication.machine import processes
from replication.study.settings import Launch

_GO_ON = "run the same command again to go on"
_NODES_MEET = 15 * 60  # seconds in which all nodes have to start
_PDEATHSIG = 1  # of Linux's prctl


def share_stage(launch: Launch, arguments: Sequence[str]) -> None:
    """Go on as one of the processes that work on a stage, of which there may be one.

    Where several are wanted and this is none of them yet, it starts them with the same `arguments`
    of the command line, waits, and ends as they do (SystemExit).
    Errors: `StudyError` naming the process that failed and why; where there are fewer GPUs than
    processes; where other nodes are expected, but not where to meet them.
    """
    if processes.are_started():
        _begin()
    elif launch.count > 1:
        _start(launch, arguments)
        raise SystemExit(0)


def _begin() -> None:
    """One voice is heard, and no process outlives the one that started it."""
    if not processes.is_first():
        os.environ["TQDM_DISABLE"] = "1"  # read when tqdm is imported
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    if processes.have_launcher() and sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)
    processes.join()


def _start(launch: Launch, arguments: Sequence[str]) -> None:
    import torch
    from torch.distributed import DistError
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    gpus = torch.cuda.device_count()
    if 0 < gpus < launch.processes:
        raise StudyError(
            f"training.launch.processes: {launch.processes} is not accepted; accepted: {gpus} or "
            "fewer, for each takes a GPU of this machine"
        )
    # What the agent would log is told below.
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    endpoint, node = _meeting_place(launch)
    with tempfile.TemporaryDirectory() as folder:
        config = LaunchConfig(
            min_nodes=launch.nodes,
            max_nodes=launch.nodes,
            nproc_per_node=launch.processes,
            rdzv_backend="static",  # the others exchange pickles
            rdzv_endpoint=endpoint,
            rdzv_configs={"rank": node, "timeout": _NODES_MEET},
            run_id="replication",
            max_restarts=0,
            logs_specs=DefaultLogsSpecs(log_dir=folder),
        )
        try:
            elastic_launch(config, sys.executable)("-m", "replication", *arguments)
        except ChildFailedError as error:
            raise StudyError(_reason(error.failures, launch)) from None
        except SignalException as error:
            if error.sigval == signal.SIGINT:
                raise KeyboardInterrupt from None
            raise StudyError(f"stopped by {error.sigval.name}; {_GO_ON}") from None
        except DistError as error:
            raise StudyError(
                f"the processes cannot meet at {endpoint} ({textwrap.shorten(str(error), 120)}); "
                "start the same command on every node, with a free port of the first as MASTER_PORT"
            ) from None


def _meeting_place(launch: Launch) -> tuple[str, int]:
    """The port at which the nodes find each other, and which of them this one is, from 0."""
    if launch.nodes == 1:
        with socket.socket() as free:
            free.bind(("localhost", 0))
            return f"localhost:{free.getsockname()[1]}", 0
    host = os.environ.get("MASTER_ADDR")
    node = os.environ.get("NODE_RANK", os.environ.get("SLURM_NODEID", ""))
    if not host or node not in map(str, range(launch.nodes)):
        raise StudyError(
            f"training.launch.nodes: {launch.nodes}, but the environment does not say where they "
            f"meet; start the same command on each, with NODE_RANK from 0 to {launch.nodes - 1} "
            "(in a job of Slurm it is known) and MASTER_ADDR, the host name of number 0"
        )
    return f"{host}:{os.environ.get('MASTER_PORT', '29400')}", int(node)


def _reason(failures: dict, launch: Launch) -> str:
    """The one line about the process that failed first, as far as can be told.

    When one is gone, the others lose it or are ended by SIGTERM, which are no reasons of their own.
    """
    ended = {r: f for r, f in failures.items() if f.exitcode != -signal.SIGTERM}
    said = [f.message for f in failures.values() if Path(f.error_file).is_file()]
    reasons = [message for message in said if message != processes.LOST]
    rank, first = min((ended or failures).items(), key=lambda item: (item[1].exitcode, item[0]))
    which = f"process {rank} of {launch.count} on {socket.gethostname()}"
    if first.exitcode < 0:
        name = signal.Signals(-first.exitcode).name
        return f"{which} was killed by {name} (out of memory, or preempted?); {_GO_ON}"
    if reasons or said:
        return (reasons or said)[0]
    return f"{which} ended with status {first.exitcode}, as told above; {_GO_ON}"
