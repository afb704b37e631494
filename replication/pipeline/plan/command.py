"""`python -m replication plan`: what it prints."""

import argparse
import json


def print_plan(arguments: argparse.Namespace) -> None:
    """Errors: as those of `pipeline.plan.plan.plan`."""
    from replication.pipeline.plan.plan import as_json, plan
    from replication.pipeline.plan.text import text

    found = plan(arguments.profile, arguments.gpus, arguments.study)
    print(json.dumps(as_json(found), indent=2) if arguments.json else text(found))
