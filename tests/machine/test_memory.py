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
found = [taken(mib) for mib in (20, 20, 256, 256)]
kept = int(Path("/proc/self/statm").read_text().split()[1]) - held
print(*found, kept * resource.getpagesize() >> 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such rule")
def test_small_blocks_are_kept_and_large_ones_go_back():
    told = subprocess.run([sys.executable, "-c", TOUCHED], capture_output=True, check=True)
    small, small_again, large, large_again, kept = map(int, told.stdout.split())
    assert small_again < small / 10  # pages of what was freed are still there
    assert large_again > 0.9 * large and kept < 100  # MiB: those of the small block alone
