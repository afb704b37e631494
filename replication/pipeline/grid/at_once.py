"""How many stages this machine runs at once, and on which GPUs."""

import os
import sys
from pathlib import Path

import psutil

from replication.files.errors import StudyError
from replication.machine.threads import stated_threads
from replication.pipeline.grid.resources import LIBRARIES
from replication.report.expected import GIB, expected_rows
from replication.study.params import load_params

_STAGE = 3 * GIB  # of one whose size is not known yet
# Of NVIDIA's driver, loaded or at work, of Windows below Linux, of a Jetson's, of AMD's.
_DEVICES = tuple(
    Path(path)
    for path in ("/proc/driver/nvidia", "/dev/nvidiactl", "/dev/dxg", "/dev/nvmap", "/dev/kfd")
)
_VENDORS = ("0x10de", "0x1002")  # NVIDIA, AMD: a driver may make its files when first asked


def at_once(jobs: int | None, gpus: list[str] | None) -> tuple[int, list[str]]:
    """Number of stages at once, and the GPU of each (none: they share what there is).

    Where neither is said, a stage on each GPU; on a machine without one as many as cores and free
    memory allow, for a stage computes with one thread (`machine.threads`).
    Errors: `StudyError` where more jobs are asked for than GPUs.
    """
    if gpus and jobs and jobs > len(gpus):
        raise StudyError(f"--jobs {jobs}: is more than {len(gpus)} GPUs; a stage has one to itself")
    if jobs is None and gpus is None:
        gpus = _gpus()
        jobs = len(gpus) or _jobs()
    return jobs or len(gpus or []), (gpus or [])[:jobs]


def _gpus() -> list[str]:
    """Those that torch finds; it is not asked, for it takes seconds to import, where Linux has the
    device of none."""
    if sys.platform == "linux" and not any(device.exists() for device in _DEVICES):
        buses = Path("/sys/bus/pci/devices").glob("*/vendor")
        if not any(bus.read_text(encoding="ascii").strip() in _VENDORS for bus in buses):
            return []
    import torch

    stated = os.environ.get("CUDA_VISIBLE_DEVICES")
    seen = torch.cuda.device_count()
    return stated.split(",")[:seen] if stated else [str(number) for number in range(seen)]


def _jobs() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    free = psutil.virtual_memory().available
    return max(1, min((cores or 1) // stated_threads(), int(free / _largest())))


def _largest() -> float:
    """Bytes that the largest stage needs, by the plan's estimate."""
    try:
        return max(row.estimate.memory for row in expected_rows(load_params())) + LIBRARIES
    except StudyError:  # the data's size is not known before they are prepared
        return _STAGE
