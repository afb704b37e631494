"""python -m replication grid: what is missing of the study, several stages at once."""

import argparse
import shlex
from collections.abc import Mapping, Sequence
from contextlib import nullcontext

from replication.files.errors import StudyError


def run_grid(arguments: argparse.Namespace) -> None:
    """Run pending stages here, or submit them. Errors: `StudyError`, see `run_stages`, `submit`."""
    from replication.pipeline.dvc_state import make_good
    from replication.pipeline.grid.at_once import at_once
    from replication.pipeline.grid.graph import choose, read_stages
    from replication.pipeline.grid.local import command, run_stages
    from replication.pipeline.grid.order import in_order
    from replication.pipeline.grid.presence import present
    from replication.pipeline.grid.resources import computes
    from replication.pipeline.grid.warm import Offer, offered
    from replication.study.params import load_params

    if arguments.slurm and arguments.gpus:
        raise StudyError("--gpus: names this machine's; --slurm asks for one for each job")
    if arguments.sbatch_option and not arguments.slurm:
        raise StudyError("--sbatch-option: says something only with --slurm")
    here = not (arguments.slurm or arguments.dry_run)
    with present(), offered() if here else nullcontext(Offer()) as warm:
        if not arguments.slurm:
            jobs, gpus = at_once(arguments.jobs, arguments.gpus)
        make_good()
        stages = read_stages()
        chosen = choose(stages, arguments.only)
        if not chosen:
            print("grid: nothing is missing")
        elif arguments.slurm:
            _submit(arguments, stages, chosen)
        elif arguments.dry_run:
            for name in chosen:
                print(shlex.join(command(name)))
        else:
            order = in_order(stages, chosen, load_params())
            computing = {name for name in chosen if computes(stages[name])}

            def before(name: str) -> None:
                if name in computing:
                    warm.compute()

            warm.begin(len(computing))
            run_stages(stages, order, jobs, gpus, before)


def _submit(arguments: argparse.Namespace, stages: Mapping, chosen: Sequence[str]) -> None:
    from replication.pipeline.grid.resources import resources
    from replication.pipeline.grid.slurm import submit
    from replication.study.params import load_params

    needs = resources(load_params())
    more = arguments.sbatch_option
    submit(stages, chosen, needs, arguments.jobs, more, arguments.dry_run)
