"""A scratch copy of the study, in which its stages run from nothing."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from replication.files.errors import StudyError
from replication.files.listing import JUNK
from replication.pipeline.dvc_process import dvc, stage_environment, status_of
from replication.pipeline.dvc_state import make_good
from replication.study import paths

# What makes a study: its code and its parameters, as they lie in the project's folder, committed or
# not. No output and no record of one is among them, and no cache of DVC or of ours.
_STUDY = ("replication", "conf", "dvc.yaml", "params.yaml", ".dvcignore", ".dvc/config")
# No git here, a cache of its own (left empty: see `rerun`), no shortcut through an earlier run.
_SETTINGS = "[core]\n    no_scm = true\n    analytics = false\n[cache]\n    dir = cache\n"


@contextmanager
def scratch_folder(keep: bool) -> Iterator[Path]:
    """A new folder for temporary files (TMPDIR says where); removed at the end, unless kept."""
    folder = Path(tempfile.mkdtemp(prefix="replication-verify-"))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def write_copy(project: Path, folder: Path) -> None:
    """Write the study's code and parameters to `folder`, without any result.

    What a parameter names by a relative path, and downloads, are found in the project, whose folder
    is told to the stages (`paths.PROJECT`).
    """
    for name in _STUDY:
        _copy(project / name, folder / name)
    (folder / ".dvc/config.local").write_text(_SETTINGS, encoding="utf-8")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(*JUNK))
    elif source.exists() or source.name != ".dvcignore":
        shutil.copy(source, target)


def rerun(project: Path, folder: Path, stages: Sequence[str], threads: int | None) -> None:
    """Run `stages` and what they need with DVC in a scratch copy; its messages go to stderr.

    threads: of torch; None: as many as it takes by itself.
    Errors: `StudyError` where a stage fails. An interrupt is passed on to the stage and waited for.
    """
    make_good(folder, sys.stderr)
    variables = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
    # Without --no-commit every output would be copied once more, into the cache.
    command = dvc("repro", "--no-run-cache", "--no-commit", *stages)
    with subprocess.Popen(
        command,
        cwd=folder,
        env=stage_environment(**variables, **{paths.PROJECT: str(project)}),
        stdout=sys.stderr,
        start_new_session=True,
    ) as process:
        status = status_of(process)
    if status:
        raise StudyError(
            f"verify: a stage failed in the scratch copy, as told above; try it here: "
            f"`dvc repro {' '.join(stages[:1])}`"
        )
