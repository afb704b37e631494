"""Stages at once on one machine, each through a DVC of its own, those that it needs first."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path

from tqdm import tqdm

from replication.files.errors import StudyError
from replication.pipeline.dvc_lock import order_lock
from replication.pipeline.dvc_process import stage_environment
from replication.pipeline.dvc_state import make_good
from replication.pipeline.grid.graph import Stage, needing
from replication.pipeline.grid.presence import mark
from replication.study import paths

_PATIENCE = 10  # seconds in which a killed process is gone


def command(stage: str) -> list[str]:
    """What runs one stage beside others: DVC waits for its lock, which it holds only to look up
    and to record, not while the stage runs."""
    return ["dvc", "--wait-for-lock", "repro", "--single-item", stage]


def log_of(stage: str) -> Path:
    """Where what a stage prints is kept."""
    return paths.GRID_LOGS / f"{stage}.log"


def run_stages(
    stages: Mapping[str, Stage],
    order: Mapping[str, Collection[str]],
    jobs: int,
    gpus: Sequence[str] = (),
    before: Callable[[str], object] = lambda _: None,
) -> None:
    """Run the stages of `order`, at most `jobs` at once; the rest of the stages counts as done.

    A failed stage stops those alone that need it. In the end dvc.lock has
    the order that a serial `dvc repro` gives it.

    order  the most urgent first, each with what it waits for (`order.in_order`); what has failed
           or is not of them is not waited for
    gpus   one for each job: what CUDA_VISIBLE_DEVICES is set to
    before   is told each stage that is about to start, and may make it wait
    Errors: `StudyError` where a stage failed, which names it and its log. An interrupt is passed on
    to what runs, and waited for.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    slots: list[str | None] = [*gpus] or [None] * jobs
    left, running = list(order), _Running()
    failed: dict[str, str] = {}
    skipped: set[str] = set()
    bar = tqdm(total=len(order), unit="stage", disable=None)
    try:
        with ThreadPoolExecutor(jobs) as pool, running:
            while left or running.futures:
                blocked = {*left, *running.stages}
                ready = [n for n in left if not blocked.intersection(order[n])]
                for name in ready[: len(slots)]:
                    before(name)
                    left.remove(name)
                    running.start(pool, name, slots.pop())
                    _tell(bar, f"started {name}" if bar.disable else None)
                bar.set_postfix_str(", ".join(running.stages))
                for name, slot, status, seconds in running.ended():
                    slots.append(slot)
                    bar.update()
                    if status == 0:
                        _tell(bar, f"done    {name} ({seconds:.0f} s)")
                        continue
                    failed[name] = reason = _reason(name, status)
                    _tell(bar, f"failed  {name}: {reason}; {log_of(name)}")
                    skipped |= needing(stages, [name]).intersection(left)
                    left = [n for n in left if n not in skipped]
    finally:
        bar.close()
        make_good()  # an interrupted DVC may have been writing
        order_lock(list(stages))
    summarise(order, failed, skipped)


class _Running:
    """The stages that run: each has a thread that waits for its process."""

    def __init__(self) -> None:
        self.futures: dict[Future, tuple[str, str | None]] = {}
        self.processes: list[subprocess.Popen] = []

    @property
    def stages(self) -> list[str]:
        return [name for name, _ in self.futures.values()]

    def start(self, pool: ThreadPoolExecutor, name: str, gpu: str | None) -> None:
        log = log_of(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        variables = {} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu}
        with log.open("wb") as file:
            mark(file)
            process = subprocess.Popen(
                [sys.executable, "-m", "replication.pipeline.grid.cell", *command(name)],
                env=stage_environment(**variables),
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)
        self.futures[pool.submit(_wait, process, time.monotonic())] = name, gpu

    def ended(self) -> list[tuple[str, str | None, int, float]]:
        """Wait for one stage to end; name, GPU, exit status and seconds of those that have."""
        done, _ = wait(self.futures, return_when=FIRST_COMPLETED)
        return [(*self.futures.pop(future), *future.result()) for future in done]

    def __enter__(self) -> "_Running":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:  # `cell` ends with its standard input
            assert process.stdin is not None  # a pipe, as `start` has it
            process.stdin.close()


def _wait(process: subprocess.Popen, started: float) -> tuple[int, float]:
    status = process.wait()
    if status < 0:  # it was killed: so is what it started, which DVC takes to be at work until gone
        with suppress(ProcessLookupError):
            for _ in range(_PATIENCE * 10):
                os.killpg(process.pid, signal.SIGKILL)
                time.sleep(0.1)
    return status, time.monotonic() - started


def _tell(bar: tqdm, line: str | None) -> None:
    if line:
        bar.write(line, file=sys.stderr)


def _reason(name: str, status: int) -> str:
    """Why a stage failed: its own words, where it has said any, else DVC's last ones."""
    if status < 0:
        return f"killed by signal {-status}"
    lines = log_of(name).read_text(encoding="utf-8", errors="replace").splitlines()
    told = [line[7:].strip() for line in lines if line.lower().startswith("error: ")] or lines[-1:]
    return told[0] if told else f"exit status {status}"


def summarise(chosen: Collection[str], failed: Mapping[str, str], skipped: Collection[str]) -> None:
    """Print how many stages are done; `StudyError` where one failed."""
    done = len(chosen) - len(failed) - len(skipped)
    print(f"grid: {done} of {len(chosen)} stages done, {len(failed)} failed", file=sys.stderr)
    if skipped:
        print(f"grid: not run, for they need those: {', '.join(sorted(skipped))}", file=sys.stderr)
    if failed:
        told = "; ".join(f"{name}: {reason} ({log_of(name)})" for name, reason in failed.items())
        raise StudyError(f"grid: {told}; the same command runs only what is missing")
