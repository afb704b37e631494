"""The study as a whole: its parameters, and what it will take."""

import argparse
import sys

from replication.commands.command import argument, load_params
from replication.study import paths


def check(_: argparse.Namespace) -> None:
    """Check params.yaml before any work."""
    params = load_params()
    for name, entry in params.encoders.items():
        if entry.source == "hub" and entry.revision is None:
            print(
                f"warning: encoders.{name}.revision is null, so `checkpoint@{name}` will stop; set "
                f"-S encoders.{name}.revision=<40 hex digits>",
                file=sys.stderr,
            )
    from replication.study.registry import SOURCES
    from replication.study.shares import link_beside, link_source, make_folders, write_shares

    for name in sorted(params.used):
        SOURCES[params.encoders[name].source].require_given(name, params.encoders[name])
    link_source(params.data.path)
    link_beside(params.questions.beside)
    make_folders()
    write_shares(paths.SETTINGS)


@argument("overrides", nargs="*", help="such as profile=local")
def compose(arguments: argparse.Namespace) -> None:
    """Write params.yaml anew from conf/, as `dvc exp run` does."""
    from replication.study.compose import compose

    compose(arguments.overrides, paths.PARAMS)
    load_params()


@argument("--profile", help="a name under conf/profile; none: params.yaml as it is")
@argument("--offline", action="store_true", help="ask no server")
def preflight(arguments: argparse.Namespace) -> None:
    """Print what a study needs, and what of it would stop it: downloads, token, disk, memory."""
    from replication.pipeline.preflight.preflight import run

    run(arguments)


def expect(_: argparse.Namespace) -> None:
    """Print the time and memory to expect of each experiment of the profile."""
    from replication.report.expected import expected_table

    print(expected_table(load_params()))


@argument("--profile", help="a name under conf/profile; none: params.yaml as it is")
@argument("--study", help="a name under conf/study; none: the paper's")
@argument("--gpus", metavar="NxDEVICE", help="such as 8xH100; none: what the profile is meant for")
@argument("--json", action="store_true", help="print JSON")
def plan(arguments: argparse.Namespace) -> None:
    """Print time, memory, disk, order and bottleneck of a study on so many devices."""
    from replication.pipeline.plan.command import print_plan

    print_plan(arguments)
