"""What a run ran on: code, libraries, hardware. Everything that cannot be told is null."""

import hashlib
import json
import os
import platform
import sys
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from replication.files.digest import sha256
from replication.files.listing import files_below
from replication.machine import processes
from replication.machine.processor import cpuinfo

LIBRARIES = (
    "torch", "transformers", "peft", "accelerate", "tokenizers", "safetensors", "numpy", "polars",
)  # fmt: skip
IN_4_BITS = "bitsandbytes"  # told where it is installed: nothing but weights in 4 bits needs it
PACKAGE = Path(__file__).parents[1]
# What a model is brought to disk and embedded by, and what a run is made by: that which the stages
# `code-encoders` and `code-runs` of dvc.yaml depend on.
ENCODERS = (
    "files", "study", "machine", "mind/columns", "encoders/families", "encoders/sources",
    "encoders/models", "encoders/tokens.py", "encoders/architectures.py", "encoders/sentences.py",
)  # fmt: skip
RUNS = (
    *ENCODERS, "recommenders", "training",
    "evaluation/clusters.py", "evaluation/cold_start.py", "evaluation/groups.py",
    "evaluation/intervals.py", "evaluation/metrics.py", "evaluation/scoring.py",
    "experiment/run.py", "experiment/fitting.py", "experiment/start.py", "experiment/record.py",
    "experiment/layers.py",
)  # fmt: skip
# Beside the plain vector units: what the libraries choose their kernels by.
_INSTRUCTIONS = (
    "avx2", "fma3", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "amx_fp16",
    "asimd", "bf16", "sve",
)  # fmt: skip
# Variables, but for those of threads, by which a shell changes how torch and its libraries compute.
_VARIABLES = (
    "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS",
    "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE",
    "CUBLAS_WORKSPACE_CONFIG", "NVIDIA_TF32_OVERRIDE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)  # fmt: skip


def now() -> str:
    """The time in UTC, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def result_key(made_by: tuple[str, ...], **depends_on: object) -> str:
    """All that decides a result, as JSON: what is named, code, libraries, and what computes.

    Work that was cut off is gone on with only under an equal key: to the last bit, the result is
    then that of a run which was not. The amount of memory decides nothing, nor does the number of
    cores, for that of threads is told: a twin of this machine goes on with it too.

    made_by  the code, as for `code_digest`: ENCODERS, RUNS
    """
    beside = ("memory_gib", "cores")
    ran_on = {
        "code": code_digest(*made_by),
        "libraries": libraries(),
        "hardware": {name: of for name, of in hardware().items() if name not in beside},
        "computing": computing(),
    }
    return json.dumps({**depends_on, **ran_on}, sort_keys=True)


@cache
def libraries() -> dict[str, str | None]:
    """Version of Python and of each library that can change a number; read once, not changed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    with suppress(PackageNotFoundError):
        found[IN_4_BITS] = version(IN_4_BITS)
    return found


def computing() -> dict[str, Any]:
    """What decides the last digits of a number: processes that share the work, and of each of them
    threads, instructions, torch's build, settings."""
    import torch

    found = torch.cpu.get_capabilities()
    return {
        "processes": processes.count(),
        "threads": torch.get_num_threads(),
        "vector_units": torch.backends.cpu.get_cpu_capability(),
        "instructions": [name for name in _INSTRUCTIONS if found.get(name)],
        "torch_build": torch.version.git_version,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if torch.cuda.is_available() else None,
        "float32_matmul": torch.get_float32_matmul_precision(),
        "variables": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
    }


def loaded_code() -> dict[str, str]:
    """SHA-256 of every file of this package that the process runs, by its path."""
    below = f"{PACKAGE}{os.sep}"  # as text: among thousands of modules, paths take a second
    files = {
        Path(file)
        for module in list(sys.modules.values())
        if (file := getattr(module, "__file__", None)) and file.startswith(below)
    }
    return {path.relative_to(PACKAGE.parent).as_posix(): sha256(path) for path in sorted(files)}


@cache
def code_digest(*parts: str) -> str:
    """One SHA-256 of all code in these folders and files of the package (none: in all of it): names
    what a cache was made by."""
    digest = hashlib.sha256()
    for part in [PACKAGE / name for name in parts] or [PACKAGE]:
        for path in [part] if part.is_file() else files_below(part, "*.py"):
            digest.update(f"{path.relative_to(PACKAGE).as_posix()} {sha256(path)}\n".encode())
    return digest.hexdigest()


def hardware() -> dict[str, str | int | float | None]:
    """Processor, cores that this process may use, memory in GiB, and the GPU if there is one."""
    import torch

    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": cpuinfo("model name") or platform.processor() or None,
        # One name, such as AMD EPYC, can stand for several generations.
        "processor_family": cpuinfo("vendor_id", "cpu family", "model", "stepping"),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "memory_gib": round(pages / 2**30, 1),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": f"{platform.system()} {platform.machine()}",
    }
