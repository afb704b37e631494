"""python -m replication grid: what is missing of the study, several stages at once."""

import argparse
import shlex
from collections.abc import Mapping, Sequence

from replication.files.errors import StudyError

# Imports are inside the functions: this module is read for every command.


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Its options."""
    command.add_argument("--jobs", type=_count, metavar="N", help="stages at once, at most")
    command.add_argument("--gpus", type=_names, metavar="0,1", help="GPUs, one stage on each")
    command.add_argument("--only", metavar="PATTERN", help="runs by name, such as 'nrms-minilm-*'")
    command.add_argument("--slurm", action="store_true", help="submit job arrays instead")
    command.add_argument(
        "--sbatch-option", action="append", default=[], metavar="OPTION",
        help="with --slurm, such as --sbatch-option=--gres=gpu:a100:1",
    )  # fmt: skip
    command.add_argument("--dry-run", action="store_true", help="print what would be run")


def run_grid(arguments: argparse.Namespace) -> None:
    """Run pending stages here, or submit them. Errors: `StudyError`, see `run_stages`, `submit`."""
    from replication.pipeline.dvc_lock import mend_lock
    from replication.pipeline.grid.graph import choose, read_stages
    from replication.pipeline.grid.local import command, run_stages

    if arguments.slurm and arguments.gpus:
        raise StudyError("--gpus: names this machine's; --slurm asks for one for each job")
    if arguments.sbatch_option and not arguments.slurm:
        raise StudyError("--sbatch-option: says something only with --slurm")
    if not arguments.slurm:
        jobs, gpus = _places(arguments.jobs, arguments.gpus)
    if done := mend_lock():
        print(done)
    stages = read_stages()
    chosen = choose(stages, arguments.only)
    if not chosen:
        print("grid: nothing is missing")
    elif arguments.slurm:
        _submit(arguments, stages, chosen)
    elif arguments.dry_run:
        for name in chosen:
            print(shlex.join(["dvc", *command(name)[3:]]))
    else:
        run_stages(stages, chosen, jobs, gpus)


def _submit(arguments: argparse.Namespace, stages: Mapping, chosen: Sequence[str]) -> None:
    from replication.pipeline.grid.resources import resources
    from replication.pipeline.grid.slurm import submit
    from replication.study.params import load_params

    needs = resources(load_params())
    more = arguments.sbatch_option
    submit(stages, chosen, needs, arguments.jobs, more, arguments.dry_run)


def _places(jobs: int | None, gpus: list[str] | None) -> tuple[int, list[str]]:
    if jobs is None and gpus is None:
        raise StudyError("grid: how many stages at once? --jobs N, --gpus 0,1, or both")
    if gpus and jobs and jobs > len(gpus):
        raise StudyError(f"--jobs {jobs}: is more than {len(gpus)} GPUs; a stage has one to itself")
    return jobs or len(gpus), (gpus or [])[:jobs]


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")
    return int(text)


def _names(text: str) -> list[str]:
    names = text.split(",")
    if not all(names) or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of different GPUs such as 0,1")
    return names
