"""python -m replication.pipeline.grid.task STAGE: one task of a job array, in a copy of the study.

SLURM signals it before its time is up (`slurm.BEFORE_END`): the stage is interrupted and the task
queued again, to go on from what the stage has saved. SIGTERM, which comes before a task is
preempted or cancelled, only interrupts the stage; a preempted one is queued again by SLURM.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from replication.files.errors import StudyError, one_line
from replication.pipeline.dvc_process import dvc, stage_environment, status_of
from replication.pipeline.dvc_state import make_good
from replication.pipeline.grid.copies import git_of, new_copy
from replication.study import paths

_RESTARTS = 20  # that one task may have; a stage that gets nowhere does not go on for ever


class _TimeIsUp(BaseException):
    pass


def run_task(stage: str) -> None:
    """Run `stage` and mark it as finished; what it needs is taken from DVC's cache.

    Errors: `StudyError` where it fails; its copy is left, to be looked at.
    """
    project = Path.cwd()
    folder = new_copy(project, stage)
    make_good(folder)
    process = subprocess.Popen(
        dvc("repro", stage),
        cwd=folder,
        env=stage_environment(**git_of(project), **{paths.PROJECT: str(project)}),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    if status_of(process):
        raise StudyError(f"{stage}: failed in {folder}, as told above")
    mark = finished_mark(stage)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    shutil.rmtree(folder, ignore_errors=True)


def finished_mark(stage: str) -> Path:
    """The empty file that says that a task has finished `stage`."""
    return paths.GRID_FINISHED / stage


def main(stage: str) -> int:
    """`run_task` under SLURM's signals; the exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGUSR1, _time_is_up)
    try:
        run_task(stage)
    except _TimeIsUp:
        return _queue_again(stage)
    except KeyboardInterrupt:
        print(f"{stage}: interrupted", file=sys.stderr)
        return 130
    except (StudyError, OSError) as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        return 1
    return 0


def _time_is_up(_: int, __: FrameType | None) -> None:
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    raise _TimeIsUp


def _queue_again(stage: str) -> int:
    if int(os.environ.get("SLURM_RESTART_COUNT", "0")) >= _RESTARTS:
        print(f"error: {stage}: not finished after {_RESTARTS} restarts", file=sys.stderr)
        return 1
    print(f"{stage}: its time is up; it is queued again", file=sys.stderr)
    task = "{SLURM_ARRAY_JOB_ID}_{SLURM_ARRAY_TASK_ID}".format_map(os.environ)
    return subprocess.run(["scontrol", "requeue", task]).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
