"""How the benchmarks measure: both ways in one run, and the memory of a piece of work alone."""

import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

_PROCESS = Path("/proc/self")


def measured(
    benchmark: Any,
    work: str,
    size: str,
    goal: str,
    fast: Callable[[], Any],
    naive: Callable[[], Any] | None = None,
    rounds: int = 5,
    naive_rounds: int = 1,
    goal_ratio: float | None = None,
    goal_seconds: float | None = None,
    goal_peak_mib: float | None = None,
    peak_mib: float | None = None,
    naive_peak_mib: float | None = None,
    growth: Mapping[str, tuple[float, float]] | None = None,
    note: str | None = None,
) -> tuple[Any, Any]:
    """Time `fast`, then `naive`, and keep all that was found in `benchmark.extra_info`.

    `fast` runs once untimed and `rounds` times timed, `naive` `naive_rounds` times; medians count.
    work, size   what is done, and to how much, in words
    goal         the goal in words; those in figures are at least `goal_ratio` (naive over fast
                 seconds), at most `goal_seconds` of fast, at most `goal_peak_mib`
    peak_mib     of the fast way, naive_peak_mib of the naive one: from `peak_of`
    growth       of what, the most it may grow as the data grow, and how much it did, in times
    Returns the last values of `fast` and `naive` (None without one), for the test to compare.
    """
    value = benchmark.pedantic(fast, rounds=rounds, warmup_rounds=1)
    if benchmark.stats is None:  # --benchmark-disable: run once, time nothing
        return value, naive and naive()
    seconds = benchmark.stats.stats.median
    naive_value, naive_seconds = None, None
    if naive:
        spent = []
        for _ in range(naive_rounds):
            started = time.perf_counter()
            naive_value = naive()
            spent.append(time.perf_counter() - started)
        naive_seconds = statistics.median(spent)
    ratio = naive_seconds and naive_seconds / seconds
    benchmark.extra_info.update(
        work=work,
        size=size,
        goal=goal,
        seconds=seconds,
        naive_seconds=naive_seconds,
        ratio=ratio,
        peak_mib=peak_mib,
        naive_peak_mib=naive_peak_mib,
        goals=[
            {"of": of, "goal": bound, "value": found, "met": met(of, bound, found)}
            for of, bound, found in (
                ("ratio", goal_ratio, ratio),
                ("seconds", goal_seconds, seconds),
                ("peak_mib", goal_peak_mib, peak_mib),
                *((of, *figures) for of, figures in (growth or {}).items()),
            )
            if bound is not None
        ],
        note=note,
    )
    return value, naive_value


def met(of: str, goal: float, value: float | None) -> bool | None:
    """Whether a goal is met: a ratio at least, all else at most; None if not measured."""
    if value is None:
        return None
    return value >= goal if of == "ratio" else value <= goal


def peak_of(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float, float, float]:
    """Run `function(*arguments)` in a fresh process: value, seconds, MiB at the start and peak.

    `function` stands at the top level of a module; it, its arguments and its value are pickled.
    Both figures are resident memory (VmHWM of Linux), libraries that the module imports included,
    so their difference is what the work needed. Where the kernel forbids a reset of the high-water
    mark, the start is the highest point of those imports. Raises what `function` raises, and
    `BrokenProcessPool` where the process was killed.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_watched, function, arguments).result()


def _watched(function: Callable[..., Any], arguments: tuple) -> tuple[Any, float, float, float]:
    with suppress(OSError):
        (_PROCESS / "clear_refs").write_text("5", encoding="ascii")
    start = _high_water_mib()
    clock = time.perf_counter()
    value = function(*arguments)
    seconds = time.perf_counter() - clock
    return value, seconds, start, _high_water_mib()


def _high_water_mib() -> float:
    """Most memory this process has held since the last reset, in MiB."""
    lines = (_PROCESS / "status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 2**10
