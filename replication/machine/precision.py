"""Where and in what number format the encoders compute."""

from contextlib import AbstractContextManager

import torch


def computing_device() -> torch.device:
    """This process's GPU where there is one, else the processor."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", torch.cuda.current_device())


def resolve_precision(wanted: str) -> str:
    """`auto` -> `bf16` where the device computes it natively, else `fp32`; others unchanged."""
    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if torch.cpu._is_avx512_bf16_supported() else "fp32"


def autocast(precision: str) -> AbstractContextManager:
    """Autocast of the computing device to bfloat16 for `bf16`; no change for `fp32`."""
    return torch.autocast(computing_device().type, torch.bfloat16, enabled=precision == "bf16")
