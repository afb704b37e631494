"""python -m replication.pipeline.grid.collect: the last job, which brings the tasks' results home.

DVC finds in its cache what the tasks made, in the order of a serial `dvc repro`: no copy is merged,
and dvc.lock has one writer.
"""

import subprocess
import sys

from replication.files.documents import read_json
from replication.files.errors import StudyError, one_line
from replication.pipeline.dvc_process import dvc, stage_environment
from replication.pipeline.dvc_state import make_good
from replication.pipeline.grid.graph import needing, read_stages
from replication.pipeline.grid.local import summarise
from replication.pipeline.grid.task import finished_mark
from replication.study import paths


def collect() -> None:
    """Take every finished stage from DVC's cache, and run the last ones where nothing is missing.

    Errors: `StudyError` naming the tasks that failed.
    """
    submitted = read_json(paths.GRID_SUBMITTED)
    make_good()
    stages = read_stages()
    missing = {name for name in submitted["tasks"] if not finished_mark(name).exists()}
    skipped = needing(stages, missing)
    chosen = [n for n in stages if n in submitted["tasks"] or n in submitted["last"]]
    here = [n for n in chosen if n not in missing | skipped]
    if here:
        done = subprocess.run(
            dvc("--wait-for-lock", "repro", "--single-item", *here), env=stage_environment()
        )
        if done.returncode:
            raise StudyError("grid: a stage failed in the project's folder, as told above")
    failed = {name: "see its log" for name in chosen if name in missing - skipped}
    summarise(chosen, failed, sorted(skipped & set(chosen)))


def main() -> int:
    """`collect`; the exit status."""
    try:
        collect()
    except (StudyError, OSError) as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
