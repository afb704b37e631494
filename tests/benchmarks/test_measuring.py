"""What a measurement keeps: both ways, memory of the work alone, and nobody's name."""

import importlib.util
import json
import os
import platform
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace

import pytest
from measuring import measured, peak_of

linux = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="reads the memory that Linux tells"
)


def hold(mib: int) -> int:
    """Have so much memory for a moment; every page is written."""
    return len(b"x" * (mib << 20))


def fail() -> None:
    raise ValueError("the work failed")


def die() -> None:
    os._exit(3)


class Stopwatch:
    """Stands in for the fixture `benchmark`: each round takes a millisecond."""

    def __init__(self):
        self.extra_info, self.calls = {}, []
        self.stats = SimpleNamespace(stats=SimpleNamespace(median=1e-3))

    def pedantic(self, function, rounds, warmup_rounds):
        self.calls.append((rounds, warmup_rounds))
        return function()


def test_both_ways_are_kept():
    watch, naive = Stopwatch(), iter(range(3))
    values = measured(
        watch, "the work", "small", ">= 2x", lambda: "fast", lambda: next(naive),
        rounds=7, naive_rounds=3, goal_ratio=1e9, goal_seconds=0.002, peak_mib=5.0,
    )  # fmt: skip
    assert values == ("fast", 2) and watch.calls == [(7, 1)]
    found = watch.extra_info
    assert found["seconds"] == 1e-3
    assert found["ratio"] == found["naive_seconds"] / 1e-3 > 0
    assert [(goal["of"], goal["met"]) for goal in found["goals"]] == [
        ("ratio", False), ("seconds", True),
    ]  # fmt: skip


def test_a_goal_without_a_figure_is_not_met():
    watch = Stopwatch()
    assert measured(watch, "w", "s", "g", lambda: 1, goal_ratio=2, goal_peak_mib=9.0) == (1, None)
    assert [goal["met"] for goal in watch.extra_info["goals"]] == [None, None]


def test_growth_is_judged():
    watch = Stopwatch()
    measured(
        watch,
        "w",
        "s",
        "g",
        lambda: 1,
        growth={"time growth": (11, 9.5), "memory growth": (1.3, 2)},
    )
    found = [(goal["of"], goal["value"], goal["met"]) for goal in watch.extra_info["goals"]]
    assert found == [("time growth", 9.5, True), ("memory growth", 2, False)]


def test_nobody_is_named():
    """The saved JSON tells of the machine, not whose it is."""
    spec = importlib.util.spec_from_file_location("hooks", Path(__file__).parent / "conftest.py")
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    machine = {"node": platform.node(), "cpu": {}}
    commit = {"project": "a folder", "branch": "a branch"}
    hooks.pytest_benchmark_update_machine_info(machine)
    hooks.pytest_benchmark_update_commit_info(commit)
    assert set(machine) == {
        "processor", "processor_family", "cores", "memory_gib", "gpu", "system", "threads", "bf16",
        "libraries",
    }  # fmt: skip
    assert "project" not in commit and "branch" not in commit
    one = {"params": {"view": "<View at 0x7f52>"}, "stats": {"median": 1.0, "data": [1.0]}}
    saved = {"benchmarks": [one], "machine_info": machine, "commit_info": commit}
    hooks.pytest_benchmark_update_json(saved)
    assert saved["benchmarks"] == [{"stats": {"median": 1.0}}]
    assert saved["not_measured"] == []
    assert str(Path.home()) not in json.dumps(saved)


@linux
def test_peak_is_that_of_the_work():
    little, much = peak_of(hold, 0), peak_of(hold, 220)
    assert (little[0], much[0]) == (0, 220 << 20)
    little_need, much_need = (peak - start for _, _, start, peak in (little, much))
    assert 200 <= much_need - little_need < 260


@linux
def test_memory_of_this_process_does_not_count():
    held = b"x" * (300 << 20)
    assert peak_of(hold, 1)[3] < len(held) / 2**20


@linux
def test_failures_are_told():
    with pytest.raises(ValueError, match="the work failed"):
        peak_of(fail)
    with pytest.raises(BrokenProcessPool):
        peak_of(die)
