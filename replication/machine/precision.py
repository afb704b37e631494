"""Where and in what number format the encoders compute."""

from collections.abc import Mapping
from contextlib import AbstractContextManager

import torch

from replication.machine.processor import cpuinfo


def computing_device() -> torch.device:
    """This process's GPU where there is one, else the processor."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", torch.cuda.current_device())


def resolve_precision(wanted: str) -> str:
    """`auto` -> `bf16` where the device is faster in it, else `fp32`; others unchanged."""
    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    faster = faster_in_bf16(cpuinfo("vendor_id"), torch.cpu.get_capabilities())
    return "bf16" if faster else "fp32"


def faster_in_bf16(vendor: str | None, capabilities: Mapping[str, object]) -> bool:
    """Whether a processor multiplies matrices faster in bf16 than in fp32.

    A rule, not a timing, for results must be the same twice. Processors that know bf16 are not all
    faster in it. Products of 2048 x 384 x 1536 and the like, GFLOP/s in fp32 and bf16:

        Intel Xeon, avx512_bf16, no AMX, two threads    100 to 277     75 to 86
        AMD EPYC, Zen 4, avx512_bf16, one thread         48 to 103    197 to 224

    Intel's are faster with AMX, which is built for it; AMD's with avx512_bf16, which Zen 4 brought.
    Others have not been measured and take fp32.

    vendor        as Linux's /proc/cpuinfo has it; None: not known
    capabilities  of torch.cpu.get_capabilities
    """
    if capabilities.get("amx_bf16"):
        return True
    return vendor == "AuthenticAMD" and bool(capabilities.get("avx512_bf16"))


def autocast(precision: str) -> AbstractContextManager:
    """Autocast of the computing device to bfloat16 for `bf16`; no change for `fp32`."""
    return torch.autocast(computing_device().type, torch.bfloat16, enabled=precision == "bf16")
