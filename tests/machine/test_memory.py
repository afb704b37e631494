"""What a process keeps of the memory that it frees, by the system's own counts."""

import platform
import subprocess
import sys

import pytest

TOUCHED = """
import resource
from pathlib import Path
from replication.machine import memory

def taken(mib):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = b"x" * (mib << 20)
    del block
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

memory.settle()
held = int(Path("/proc/self/statm").read_text().split()[1])
print(taken(64), taken(64), taken(256), int(Path("/proc/self/statm").read_text().split()[1]) - held)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such rule")
def test_small_blocks_are_kept_and_large_ones_go_back():
    told = subprocess.run([sys.executable, "-c", TOUCHED], capture_output=True, check=True)
    first, again, large, held = map(int, told.stdout.split())
    assert again < first / 10  # pages of what was freed are still there
    assert large > 2 * again and held * 4 < (64 << 10) * 1.5  # KiB: those of the small block alone
