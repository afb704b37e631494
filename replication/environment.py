"""What a run ran on: code, libraries, hardware, memory. Everything that cannot be told is null."""

import ctypes
import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Of malloc.h: freed memory at the end of the heap, and blocks, larger than so many bytes go back.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
LIBRARIES = ("torch", "transformers", "accelerate", "tokenizers", "safetensors", "numpy", "polars")


def now() -> str:
    """The time in UTC, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def git_commit() -> dict[str, str | bool | None]:
    """The commit checked out, and whether tracked code or configuration differ from it.

    A container that was built from files without their repository has made one (docker/repository),
    whose commit nobody else has: in its place stands the revision stated at the build, if any.
    """
    try:
        commit = _git("rev-parse", "HEAD")
        stated = _git("config", "--default", "", "--get", "study.revision")
        changed = _git(
            "status", "--porcelain", "--untracked-files=no", "--", "replication", "conf", "dvc.yaml"
        )
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "changed": None, "reason": "no git repository"}
    if stated:
        reason = "as stated when the container image was built from files without their repository"
        known = None if stated == "unknown" else stated
        return {"commit": known, "changed": bool(changed), "reason": reason}
    return {"commit": commit, "changed": bool(changed)}


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@cache
def code_digest() -> str:
    """SHA-256 of the package's code."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def result_key(**depends_on: object) -> str:
    """All that decides a result, as JSON: what is named, and code, libraries and hardware.

    Work that was cut off is gone on with only under an equal key: to the last bit, the result is
    then that of a run which was not.
    """
    ran_on = {"code": code_digest(), "libraries": libraries(), "hardware": hardware()}
    return json.dumps({**depends_on, **ran_on}, sort_keys=True)


def libraries() -> dict[str, str | None]:
    """Version of Python and of each library that can change a number."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def hardware() -> dict[str, str | int | float | None]:
    """Processor, cores that this process may use, memory in GiB, and the GPU if there is one."""
    import torch

    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "memory_gib": round(pages / 2**30, 1),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": f"{platform.system()} {platform.machine()}",
    }


def _processor() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or None
    return next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), None)


def return_freed_memory() -> None:
    """Ask the C library to hand large freed blocks back to the system at once.

    Batches differ in size, and glibc, left alone, keeps ever larger freed blocks for itself: memory
    then grows with the number of batches. Elsewhere than on glibc this does nothing.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_TRIM_THRESHOLD, 128 << 20)
        libc.mallopt(_M_MMAP_THRESHOLD, 128 << 20)


def peak_memory_mib() -> float:
    """Most memory this process has held so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
