"""Operating: many stages at once, reruns, what a kill has left, and what DVC needs to know."""

import argparse

from replication.commands.command import argument
from replication.study import paths


def count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")
    return int(text)


def names(text: str) -> list[str]:
    names = text.split(",")
    if not all(names) or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of different GPUs such as 0,1")
    return names


@argument("--jobs", type=count, metavar="N", help="stages at once; none: one a core, or one a GPU")
@argument("--gpus", type=names, metavar="0,1", help="GPUs, one stage on each")
@argument("--only", metavar="PATTERN", help="runs by name, such as 'nrms-minilm-*'")
@argument("--slurm", action="store_true", help="submit job arrays instead")
@argument(
    "--sbatch-option",
    action="append",
    default=[],
    metavar="OPTION",
    help="with --slurm, such as --sbatch-option=--gres=gpu:a100:1",
)
@argument("--dry-run", action="store_true", help="print what would be run")
def grid(arguments: argparse.Namespace) -> None:
    """Run what is missing of the study, several stages at once."""
    from replication.pipeline.grid.command import run_grid

    run_grid(arguments)


@argument("stages", nargs="*", help="such as grid, or as `dvc stage list` names them; none: a few")
@argument("--all", action="store_true", help="all stages")
@argument("--keep", action="store_true", help="keep the scratch copy")
@argument("--json", action="store_true", help="print JSON")
def verify(arguments: argparse.Namespace) -> None:
    """Rerun stages in a scratch copy and compare with the recorded results."""
    from replication.pipeline.verify.verify import verify

    verify(arguments.stages, arguments.all, arguments.keep, arguments.json)


def mend(_: argparse.Namespace) -> None:
    """Make good what a killed DVC left: files that it cannot read, staged parameters."""
    from replication.pipeline.dvc_lock import LOCK, unstage
    from replication.pipeline.dvc_state import make_good

    make_good()
    if done := unstage(paths.PARAMS, LOCK):
        print(done)


def inventory(_: argparse.Namespace) -> None:
    """List every artefact with its digest, its size and its stage."""
    from replication.pipeline.inventory import write_inventory

    write_inventory()


@argument("name", help="of the stage in dvc.yaml, without `code-`")
def code(arguments: argparse.Namespace) -> None:
    """Write the digests of the code that a kind of stage runs."""
    from replication.pipeline.code import write_code

    write_code(arguments.name)
