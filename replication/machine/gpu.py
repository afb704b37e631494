"""A GPU, if there is one: the memory left for this process, and the end of what it was asked."""

import torch


def free_memory(device: torch.device) -> int:
    """Bytes that this process can still take on a GPU.

    To the driver all is used that torch has ever taken, while torch keeps what models of before
    have freed and gives it out again: without that, the second model of an audit finds no room.
    """
    free, _ = torch.cuda.mem_get_info(device)
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return free + kept


def wait_for_gpu() -> None:
    """Until it has done all that it was asked, as a clock wants; without one, not at all."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
