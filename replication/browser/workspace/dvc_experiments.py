"""DVC's experiments, read from git alone: no DVC, no lock, nothing written, nothing fetched.

`dvc exp run` leaves each result as a commit under `refs/exps/<2>/<38>/<name>`, where the digits are
those of the commit that it started from. Commits do not change, so what they hold is kept.
"""

import os
import re
import shlex
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from replication.machine.git import own_environment
from replication.study import paths
from replication.study.overrides import overrides, run_line

FILES = {
    name: (paths.EXPERIMENT / name).as_posix()
    for name in ("metrics.json", "cold_start.json", "cost.json", "run.json")
} | {"params.yaml": paths.PARAMS.as_posix()}
RUN = FILES["run.json"]  # holds when its run started and ended: no two have the same
SCORES = (paths.IMPRESSIONS / "experiment.parquet").as_posix()
LOCK = "dvc.lock"
SECONDS = 5  # for one call of git
# Other refs under refs/exps (exec, apply, stash, celery, temp) are DVC's notes of work under way.
RESULT = re.compile(r"refs/exps/([0-9a-f]{2})/([0-9a-f]{38}|[0-9a-f]{62})/([^/]+)")
ENDED = re.compile(rb"^committer .* (\d{1,11}) [+-]\d{4}$", re.M)  # seconds since 1970
# The entry of one output: a block sequence, whose first key is always the path.
LOCKED = re.compile(
    rf"^( *)- path: {re.escape(SCORES)}\n(?:\1  .*\n)*?\1  md5: ([0-9a-f]{{32}})$".encode(), re.M
)


@dataclass(frozen=True)
class DvcExperiment:
    """One result of `dvc exp run`.

    commit, baseline  hex digests of the result and of the commit that it started from
    created           when it ended, UTC; None where the commit is damaged
    files             what its commit holds of `FILES`, as bytes: not checked, and missing where the
                      commit has no such file
    scores_md5        of its per-impression scores, which DVC's cache holds under that name
    restore           the command that brings its code, parameters and results back
    inherited         whether its run is that of the commit that it started from: it has not run the
                      stage that makes one, as after `dvc exp run STAGE` of another stage
    """

    name: str
    commit: str
    baseline: str
    created: datetime | None
    files: Mapping[str, bytes]
    scores_md5: str | None
    restore: str
    inherited: bool = False


@dataclass(frozen=True)
class DvcExperiments:
    """Newest first; `problem` says in one line why they cannot be read."""

    found: tuple[DvcExperiment, ...] = ()
    problem: str | None = None


def read_dvc_experiments() -> DvcExperiments:
    """All results in the repository of the working directory.

    Where no experiment came or went since the last call, this is one `git for-each-ref`.
    """
    try:
        refs = _git("for-each-ref", "--format=%(objectname) %(refname)", "refs/exps")
        return DvcExperiments(_read(Path.cwd(), refs))
    except (OSError, subprocess.SubprocessError) as error:
        return DvcExperiments(problem=_why(error))


def rerun(experiment: DvcExperiment) -> str | None:
    """The `dvc exp run -S ...` line whose parameters are those of the experiment, at its commit.

    None where no such line is known: parameters or configuration are damaged, or hold what an
    override cannot say. Parameters alone are meant; code is that of the commit checked out.
    """
    try:
        found = _overrides(Path.cwd(), experiment.commit)
    except (OSError, subprocess.SubprocessError):
        return None
    return None if found is None else run_line(found)


@lru_cache(maxsize=512)
def _overrides(folder: Path, commit: str) -> tuple[str, ...] | None:
    listed = _git("ls-tree", "-r", "-z", "--name-only", commit, "--", "conf").split(b"\0")
    # No line's end in a name: each line asks git for one object.
    names = [x for x in map(os.fsdecode, listed) if x.endswith(".yaml") and "\n" not in x]
    texts = _contents([f"{commit}:./{name}" for name in (FILES["params.yaml"], *names)])
    conf = {
        name.removeprefix("conf/").removesuffix(".yaml"): text
        for name, text in zip(names, texts[1:], strict=True)
        if text is not None
    }
    return overrides(texts[0], conf) if texts[0] is not None else None


@lru_cache(maxsize=4)
def _read(folder: Path, refs: bytes) -> tuple[DvcExperiment, ...]:
    rows = []
    for line in refs.decode(errors="replace").splitlines():
        commit, _, ref = line.partition(" ")
        if result := RESULT.fullmatch(ref):
            rows.append((commit, result[1] + result[2], result[3]))
    names = Counter(name for *_, name in rows)

    found = []
    wanted = ["", *(f":./{path}" for path in (LOCK, *FILES.values()))]
    held = _held([[commit + end for end in wanted] for commit, *_ in rows])
    starts = list(dict.fromkeys(baseline for _, baseline, _ in rows))
    before = dict(zip(starts, _held([[f"{start}:./{RUN}"] for start in starts]), strict=True))
    for (commit, baseline, name), (head, lock, *texts) in zip(rows, held, strict=True):
        ended = ENDED.search((head or b"").partition(b"\n\n")[0])
        created = datetime.fromtimestamp(int(ended[1]), UTC) if ended else None
        files = {key: text for key, text in zip(FILES, texts, strict=True) if text is not None}
        known = names[name] == 1 and not name.startswith("-") and "\ufffd" not in name
        restore = f"dvc exp apply {shlex.quote(name if known else commit)}"
        inherited = "run.json" in files and before[baseline] == [files["run.json"]]
        scores = _scores_md5(lock or b"")
        found.append(
            DvcExperiment(name, commit, baseline, created, files, scores, restore, inherited)
        )
    never = datetime.fromtimestamp(0, UTC)
    return tuple(sorted(found, key=lambda each: each.created or never, reverse=True))


def _held(wanted: Sequence[Sequence[str]]) -> list[list[bytes | None]]:
    """What git has under the names of each commit. In one call of git; where an object is damaged,
    which ends git, each half by itself, until only that commit is without content."""
    try:
        contents = iter(_contents([name for names in wanted for name in names]))
    except subprocess.CalledProcessError:
        if len(wanted) == 1:
            return [[None] * len(wanted[0])]
        middle = len(wanted) // 2
        return _held(wanted[:middle]) + _held(wanted[middle:])
    return [[next(contents) for _ in names] for names in wanted]


def _scores_md5(lock: bytes) -> str | None:
    """The md5 that dvc.lock has for the scores.

    A lock has thousands of lines, which a YAML parser takes half a second for; DVC writes each
    output as a path followed by its digest, and a search for these lines takes none.
    """
    entry = LOCKED.search(lock)
    return entry[2].decode() if entry else None


def _contents(names: Sequence[str]) -> list[bytes | None]:
    """What git has under these names, `<commit>:./<path>` or `<commit>`; None where it has none."""
    if not names:
        return []
    answer = _git("cat-file", "--batch", input="".join(f"{name}\n" for name in names).encode())
    contents: list[bytes | None] = []
    start = 0
    for _ in names:
        end = answer.index(b"\n", start)
        head = answer[start:end].split(b" ")
        start = end + 1
        # "<digest> <type> <size>", then so many bytes and a line's end; or "<name> missing".
        if len(head) == 3 and head[2].isdigit():
            size = int(head[2])
            readable = head[1] in (b"blob", b"commit")
            contents.append(answer[start : start + size] if readable else None)
            start += size + 1
        else:
            contents.append(None)
    return contents


def _git(*arguments: str, input: bytes = b"") -> bytes:
    """What git prints. Errors: `OSError`, `subprocess.SubprocessError`."""
    # No lock is taken, and what a partial clone lacks is not fetched.
    quiet = {"GIT_ALLOW_PROTOCOL": "none"}
    return subprocess.run(
        ["git", *arguments],
        input=input,
        capture_output=True,
        check=True,
        timeout=SECONDS,
        env=own_environment() | quiet,
    ).stdout


def _why(error: OSError | subprocess.SubprocessError) -> str:
    """One line for the reader: what git says first, or what kept it from running."""
    problem = "DVC experiments cannot be read"
    if isinstance(error, FileNotFoundError):
        return f"no git here: {problem} (git is not installed)"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"{problem} (git did not answer within {SECONDS} s)"
    said = (getattr(error, "stderr", None) or b"").decode(errors="replace")
    first = said.partition("\n")[0].removeprefix("fatal: ") or str(error)
    where = "no git here: " if "not a git repository" in first else ""
    return f"{where}{problem} ({first})"
