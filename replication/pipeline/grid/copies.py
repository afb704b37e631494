"""A copy of the study for each stage of an array: no two jobs write to one folder or one dvc.lock.

Copies share DVC's cache, in which results are found again: a copy takes from it what its stage
needs, and the project what the stage made. They lie in the project, on the cluster's file system.
"""

import shutil
from pathlib import Path

from replication.machine.git import REPOSITORY, git_dir
from replication.pipeline.verify.scratch import write_copy
from replication.study import paths

# States of work that was cut off, vectors that several runs read, downloads: one for all copies.
_SHARED = (
    paths.DOWNLOADS, paths.STATES, paths.STARTS, paths.LOCKS, paths.ADAPTING, paths.TRAINING,
    paths.AUDIT_CACHE,
)  # fmt: skip


def new_copy(project: Path, stage: str) -> Path:
    """Write the copy in which `stage` is to run; one that an earlier attempt left is replaced."""
    folder = project / paths.GRID_COPIES / stage
    shutil.rmtree(folder, ignore_errors=True)
    for path in _SHARED:
        (project / path).mkdir(parents=True, exist_ok=True)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).symlink_to(project / path, target_is_directory=True)
    write_copy(project, folder)
    if (lock := project / "dvc.lock").exists():
        shutil.copy(lock, folder)
    _share_cache(project, folder)
    return folder


def _share_cache(project: Path, folder: Path) -> None:
    """The project's cache; its files are linked to, and nothing is kept outside the copy."""
    from configobj import ConfigObj  # which writes .dvc/config for DVC
    from dvc.repo import Repo

    with Repo(str(project)) as repo:
        cache = repo.cache.local_cache_dir
    settings = ConfigObj(encoding="utf-8")
    settings["core"] = {
        "no_scm": "true",
        "analytics": "false",
        "site_cache_dir": str(folder / ".dvc/site"),
    }
    settings["cache"] = {"dir": cache, "type": "reflink,hardlink,copy"}
    with (folder / ".dvc/config.local").open("wb") as file:
        settings.write(file)


def git_of(project: Path) -> dict[str, str]:
    """Variables by which a copy is compared with the project's commit, see `machine.git`."""
    found = git_dir(project)
    return {REPOSITORY: found} if found else {}
