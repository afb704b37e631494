"""A script, run in a process of its own: the tensors of one pickled checkpoint as safetensors.

    python unpickling.py FILE SHA256 TARGET

It imports nothing of this package, reads FILE once, and loads those bytes only if they are those of
SHA256, by PyTorch's restricted unpickler, which makes tensors and plain containers and calls
nothing else. What is wrong is told in the last line of its output, with exit status 1.
"""

import hashlib
import io
import sys
from pathlib import Path

ROOM = 1 << 30  # bytes beyond what this process has and its file needs four times over
SECONDS = 600  # of the processor


def main(source: str, digest: str, target: str) -> str | None:
    """What is wrong, or None."""
    import torch
    from safetensors.torch import save_file

    content = Path(source).read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        return "its bytes have changed since they were checked"
    _limit(4 * len(content) + ROOM)
    try:
        found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except MemoryError:
        return "it takes more memory than its size explains"
    except Exception as error:  # whatever PyTorch makes of bytes that are no plain checkpoint
        return f"PyTorch's restricted reader refuses it ({str(error).strip().splitlines()[0]})"
    if not isinstance(found, dict) or not found:
        return "it holds no table of tensors"
    for name, value in found.items():
        plain = type(value) in (torch.Tensor, torch.nn.Parameter)
        if not isinstance(name, str) or not plain or value.layout != torch.strided:
            return f"it holds something else than tensors, under {name!r:.60}"
    save_file({name: value.detach().clone().contiguous() for name, value in found.items()}, target)
    return None


def _limit(more: int) -> None:
    """So many bytes beyond those that the process has now, and an end to its time."""
    try:
        import resource
    except ImportError:  # no such limits on Windows
        return
    pages = Path("/proc/self/statm")
    if pages.is_file():
        now = int(pages.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + more, now + more))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (more, more))


if __name__ == "__main__":
    if problem := main(*sys.argv[1:]):
        print(problem)
        sys.exit(1)
