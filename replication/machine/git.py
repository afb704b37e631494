"""Which commit of the study this is, asked of the repository that the study itself is.

Git looks for a repository in all folders above, and lets variables such as GIT_DIR, which git sets
for its hooks, name any other: neither is the study's.
"""

import os
import subprocess
from pathlib import Path

# Names the study's repository where a copy of its files lies elsewhere (pipeline.grid.copies).
REPOSITORY = "REPLICATION_GIT_DIR"
# As `git rev-parse --local-env-vars` lists them: by these git takes another repository, or a part.
_LOCAL = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_PREFIX", "GIT_NAMESPACE", "GIT_GRAFT_FILE",
    "GIT_SHALLOW_FILE", "GIT_IMPLICIT_WORK_TREE", "GIT_INTERNAL_SUPER_PREFIX",
)  # fmt: skip
_CODE = ("replication", "conf", "dvc.yaml")
_STATED = "as stated when these files were unpacked, or put into an image, without their repository"


def own_environment() -> dict[str, str]:
    """The variables under which git asks the repository of the folder it runs in, in English."""
    kept = {name: value for name, value in os.environ.items() if name not in _LOCAL}
    return kept | {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}


def git_commit() -> dict[str, str | bool | None]:
    """The study's commit, and whether tracked code or configuration differ from it; `commit` is
    null, and `reason` says why, where it cannot be told.

    Where files came without their repository, one was made (Makefile, docker/repository) whose
    commit nobody else has: in its place stands the revision stated then, if any.
    """
    try:
        if REPOSITORY not in os.environ and (reason := foreign(Path.cwd())):
            return {"commit": None, "changed": None, "reason": reason}
        commit = _git("rev-parse", "HEAD")
        if not _git("ls-tree", "--name-only", "HEAD", "--", *_CODE):
            reason = "the repository does not track this code"
            return {"commit": None, "changed": None, "reason": reason}
        stated = _git("config", "--default", "", "--get", "study.revision")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", *_CODE)
    except (OSError, subprocess.CalledProcessError) as error:
        return {"commit": None, "changed": None, "reason": why(error)}
    if stated:
        known = None if stated == "unknown" else stated
        return {"commit": known, "changed": bool(changed), "reason": _STATED}
    return {"commit": commit, "changed": bool(changed)}


def foreign(folder: Path) -> str | None:
    """Why the repository that git finds from `folder` is not the study's; None where it is.

    Errors: `OSError`, `subprocess.CalledProcessError` where git finds or accepts none.
    """
    top = _git("rev-parse", "--show-toplevel", around=folder)
    if Path(top) != folder.resolve():
        return "the study lies in a folder of another repository, whose commit is not the study's"
    return None


def git_dir(project: Path) -> str | None:
    """The folder of the project's own repository; None where it has none."""
    try:
        return None if foreign(project) else _git("rev-parse", "--absolute-git-dir", around=project)
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str, around: Path | None = None) -> str:
    """What git says of the study, or of whatever repository lies around a folder."""
    where, named = [], os.environ.get(REPOSITORY)
    if named and not around:
        where = [f"--git-dir={named}", f"--work-tree={Path.cwd()}"]
    command = ["git", *where, *arguments]
    done = subprocess.run(
        command, cwd=around, capture_output=True, check=True, env=own_environment()
    )
    return os.fsdecode(done.stdout).strip()


def why(error: OSError | subprocess.SubprocessError) -> str:
    """One line on what kept git from answering."""
    if isinstance(error, FileNotFoundError):
        return "git is not installed"
    said = os.fsdecode(getattr(error, "stderr", None) or b"") or str(error)
    if "not a git repository" in said:
        return "no git repository"
    if "dubious ownership" in said:
        return (
            "git refuses the repository, which belongs to another user; `git config --global --add "
            "safe.directory FOLDER` accepts it"
        )
    if "unknown revision" in said or "ambiguous argument 'HEAD'" in said:
        return "the repository has no commit yet"
    return said.strip().partition("\n")[0].removeprefix("fatal: ")
