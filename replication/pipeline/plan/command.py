"""`python -m replication plan`: its arguments, and what it prints."""

import argparse
import json


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--profile", help="a name under conf/profile; none: params.yaml as it is")
    command.add_argument(
        "--gpus", metavar="NxDEVICE", help="such as 8xH100; none: what the profile is meant for"
    )
    command.add_argument("--json", action="store_true", help="print JSON")


def print_plan(arguments: argparse.Namespace) -> None:
    """Errors: as those of `planning.plan.plan`."""
    from replication.pipeline.plan.plan import as_json, plan
    from replication.pipeline.plan.text import text

    found = plan(arguments.profile, arguments.gpus)
    print(json.dumps(as_json(found), indent=2) if arguments.json else text(found))
