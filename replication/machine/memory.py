"""The memory of a process: how much it keeps of what is freed, and the most that it has held."""

import ctypes
import resource
import sys
from contextlib import suppress

# Of malloc.h: freed memory at the end of the heap, and blocks, larger than so many bytes go back.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGE = 128 << 20  # bytes
_LARGEST = 32 << 20  # that older ones take of a block; where more is refused, it stays tiny


def settle() -> None:
    """Ask the C library to hand large freed blocks back to the system, and to keep smaller ones.

    Batches differ in size, and glibc, left alone, learns from them to keep ever larger freed blocks
    for itself: memory then grows with the number of batches. Before it has learned, it hands back
    what the next layer asks for again: of embedding, page faults were a twentieth of the time.
    Elsewhere than on glibc this does nothing.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_TRIM_THRESHOLD, _LARGE)
        if not libc.mallopt(_M_MMAP_THRESHOLD, _LARGE):
            libc.mallopt(_M_MMAP_THRESHOLD, _LARGEST)


def peak_memory_mib() -> float:
    """Most memory this process has held so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def peak_memory() -> dict[str, float | None]:
    """The most memory that this process has held, and the GPU's where there is one, in MiB."""
    import torch

    gpu = torch.cuda.is_available()
    return {
        "peak_memory_mib": peak_memory_mib(),
        "peak_gpu_memory_mib": (
            round(torch.cuda.max_memory_allocated() / 2**20, 1) if gpu else None
        ),
    }
