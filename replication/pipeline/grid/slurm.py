"""Stages as SLURM job arrays: those that need the same stages and the same resources are one."""

import shlex
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from replication.files.atomic import write_json
from replication.files.documents import read_json
from replication.files.errors import StudyError
from replication.machine.threads import stated_threads
from replication.pipeline.grid.graph import Stage, needing
from replication.pipeline.grid.options import combined
from replication.pipeline.grid.resources import computes
from replication.pipeline.grid.task import finished_mark
from replication.study import paths

BEFORE_END = 120  # seconds before a task's time is up at which it is told
_KEPT = ("--parsable", "--kill-on-invalid-dep=yes", "--open-mode=append")
_LONGEST = 1000  # tasks of an array; more are refused by SLURM's default settings


@dataclass(frozen=True)
class Array:
    """One job array: its stages, the stages that have to succeed before, sbatch's options."""

    stages: tuple[str, ...]
    after: tuple[str, ...]
    options: tuple[str, ...]


def last_stages(stages: Mapping[str, Stage]) -> set[str]:
    """Stages of seconds that read all runs: they run in the project's folder, in the last job."""
    return needing(stages, [stage.name for stage in stages.values() if stage.run])


def arrays(
    stages: Mapping[str, Stage], tasks: Sequence[str], needs: Callable[[Stage], tuple[str, ...]]
) -> list[Array]:
    """The arrays that run `tasks`, each after those that it waits for."""
    found: dict[tuple, list[str]] = {}
    for name in tasks:
        after = tuple(n for n in stages[name].upstream if stages[n].pending)
        found.setdefault((after, needs(stages[name])), []).append(name)
    return [
        Array(tuple(names[start : start + _LONGEST]), *key)
        for key, names in found.items()
        for start in range(0, len(names), _LONGEST)
    ]


def script(module: str, names: Sequence[str]) -> str:
    """The batch script: task i runs `python -m MODULE` on the i-th of `names`, and keeps a log."""
    quoted = " ".join(map(shlex.quote, names))
    return (
        "#!/bin/bash\n"
        f"export OMP_NUM_THREADS={stated_threads()}\n"
        f"names=({quoted})\n"
        'name="${names[SLURM_ARRAY_TASK_ID]}"\n'
        f"exec {shlex.quote(sys.executable)} -m {module} "
        f'"$name" >>{paths.GRID_LOGS}/"$name".log 2>&1\n'
    )


def submit(
    stages: Mapping[str, Stage],
    chosen: Sequence[str],
    needs: Callable[[Stage], tuple[str, ...]],
    jobs: int | None,
    options: Sequence[str],
    dry_run: bool,
) -> None:
    """Submit `chosen`, but for what an earlier start is still at, and a job that brings all home.

    needs    sbatch's options of a stage
    jobs     tasks of one array that may run at once; None: as many as SLURM lets
    options  more of sbatch's options, which win over ours: for every job, but those that ask for
             GPUs for stages that compute on one
    dry_run  print command lines and scripts instead
    Errors: `StudyError` with sbatch's words where it refuses; what was submitted is cancelled.
    """
    sbatch = _shown if dry_run else _sbatch
    ids, done, awaited = ({}, {}, []) if dry_run else earlier()
    last = last_stages(stages)
    tasks = [n for n in chosen if n not in last and n not in ids and n not in done]
    if not dry_run:
        paths.GRID_LOGS.mkdir(parents=True, exist_ok=True)
        for name in tasks:
            finished_mark(name).unlink(missing_ok=True)
    submitted: list[str] = []
    try:
        for array in arrays(
            stages, tasks, lambda stage: combined(needs(stage), options, computes(stage))
        ):
            waits = [f"afterok:{ids[n]}" for n in array.after if n in ids]
            limit = f"%{jobs}" if jobs else ""
            job = sbatch(
                (
                    f"--job-name={array.stages[0].partition('@')[0]}",
                    f"--array=0-{len(array.stages) - 1}{limit}", "--requeue",
                    f"--signal=B:USR1@{BEFORE_END}", *_after(waits),
                    *array.options,
                ),
                script("replication.pipeline.grid.task", array.stages), len(submitted),
            )  # fmt: skip
            submitted.append(job)
            ids |= {name: f"{job}_{i}" for i, name in enumerate(array.stages)}
        before = dict.fromkeys(task.partition("_")[0] for task in ids.values())
        last_job = sbatch(
            (
                "--job-name=collect", "--array=0", *_after([f"afterany:{job}" for job in before]),
                *combined([f"--cpus-per-task={stated_threads()}"], options, gpu=False),
            ),
            script("replication.pipeline.grid.collect", ["collect"]), len(submitted),
        )  # fmt: skip
    except BaseException:
        if submitted and not dry_run:
            subprocess.run(["scancel", *submitted])
        raise
    if not dry_run:
        awaited += [n for n in chosen if n in last and n not in awaited]
        write_json(paths.GRID_SUBMITTED, {"tasks": done | ids, "last": awaited})
        print(
            f"grid: {len(tasks)} stages in {len(submitted)} arrays, then job {last_job}; "
            f"`squeue --me` lists them, {paths.GRID_LOGS} has a log of each stage, "
            f"collect.log in the end how it went"
        )


def _after(waits: Collection[str]) -> tuple[str, ...]:
    return (f"--dependency={','.join(dict.fromkeys(waits))}",) if waits else ()


def _command(options: Sequence[str]) -> list[str]:
    here = (f"--chdir={Path.cwd()}", f"--output={paths.GRID_LOGS}/slurm-%A.log")
    return ["sbatch", *_KEPT, *here, *options]


def _sbatch(options: Sequence[str], text: str, _: int) -> str:
    try:
        done = subprocess.run(_command(options), input=text, capture_output=True, text=True)
    except FileNotFoundError:
        raise StudyError("sbatch: no such command; --slurm is for a cluster's login node") from None
    if done.returncode:
        raise StudyError(f"{' '.join(done.stderr.split())}; nothing is submitted")
    return done.stdout.strip().partition(";")[0]


def _shown(options: Sequence[str], text: str, number: int) -> str:
    print(f"{shlex.join(_command(options))} <<'END'\n{text}END\n")
    return f"JOB{number}"


def earlier() -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Stages of an earlier start that is still going on, name -> task: those that wait or run, and
    those that are done, but not brought home yet; and those of its last job."""
    if not paths.GRID_SUBMITTED.exists():
        return {}, {}, []
    recorded = read_json(paths.GRID_SUBMITTED)
    tasks = recorded["tasks"]
    asked = ["squeue", "--me", "--array", "--noheader", "--format=%F_%K"]
    try:
        found = subprocess.run(asked, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise StudyError(f"squeue: {getattr(error, 'stderr', None) or error}".strip()) from None
    there = set(found.stdout.split())
    waiting = {name: task for name, task in tasks.items() if task in there}
    done = {n: task for n, task in tasks.items() if n not in waiting and finished_mark(n).exists()}
    return (waiting, done, recorded["last"]) if waiting else ({}, {}, [])
