"""docker run [-e PROFILE=...] [-e PROTOCOL=...] IMAGE [WHAT]

  study [STAGE | KEY=VALUE] ...  the study, or those of its stages; results go to /out (the default)
  experiment KEY=VALUE ...       one experiment and the stages that it needs; its results go to /out
  app                            the results browser, on port 8501
  dvc ARGUMENT ...               DVC in the study's folder, such as `dvc exp show`
  shell                          a shell there
  STAGE ARGUMENT ...             python -m replication STAGE ARGUMENT ...

/out: where results are left. /cache: data, checkpoints, embeddings and what is done so far; with
the same volume there, a second container goes on where the first one stopped. PROFILE and PROTOCOL
say the same as profile=... and protocol=...; EXPERIMENT="KEY=VALUE ..." the same as experiment."""

import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from urllib.request import urlopen

from replication.files.atomic import new_file, new_folder
from replication.files.errors import StudyError
from replication.files.listing import files_in
from replication.pipeline.dvc_state import make_good
from replication.study import paths

IMAGE = Path(__file__).parents[1]  # the project as it was built, which nothing writes to
OUT = Path("/out")
CACHE = Path("/cache")
USER = 1000  # whom root becomes where /out is root's too
APP = Path(tempfile.gettempdir(), "app.port")  # there while this container is the browser


# ---------------------------------------------------------------- what is asked


def asked(words: Sequence[str], environ: dict[str, str]) -> list[str]:
    """The command line, with what the environment asks for written out."""
    words = list(words)
    if not words:
        chosen = shlex.split(environ.get("EXPERIMENT", ""))
        words = ["experiment", *chosen] if chosen else ["study"]
    if words[0] in ("study", "experiment"):
        groups = [
            f"{group}={environ[group.upper()]}"
            for group in ("profile", "protocol")
            if environ.get(group.upper())
        ]
        words[1:1] = groups
    return words


def parted(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """(overrides as Hydra has them, names of stages)."""
    overrides = [word for word in words if "=" in word or word.startswith("~")]
    return overrides, [word for word in words if word not in overrides]


def check_overrides(overrides: Sequence[str]) -> None:
    """Compose the parameters aside, so that a bad one stops before anything is touched."""
    for override in overrides:
        group, _, value = override.partition("=")
        if group in ("profile", "protocol"):
            names = [path.stem for path in files_in(IMAGE / "conf" / group, "*.yaml")]
            if value not in names:
                raise StudyError(f"{group}: '{value}': expected one of {', '.join(names)}")
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, "conf").symlink_to(IMAGE / "conf")
        compose = [sys.executable, "-m", "replication", "compose", *overrides]
        done = subprocess.run(compose, cwd=scratch, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise StudyError(done.stderr.strip().splitlines()[-1].removeprefix("error: "))


# ---------------------------------------------------------------- where it is done


def leave_root() -> None:
    """Become the owner of /out, if that is not root; else USER, who is given the two folders.

    In a user namespace root is only the person who started the container, and stays that.
    """
    outside = Path("/proc/self/uid_map").read_text(encoding="ascii").split()[1]
    if os.getuid() != 0 or outside != "0":
        return
    state = OUT.stat() if OUT.is_dir() else None
    user, group = (state.st_uid, state.st_gid) if state and state.st_uid else (USER, USER)
    for folder in (OUT, CACHE):
        if folder.is_dir() and folder.stat().st_uid == 0:
            with suppress(OSError):  # a read-only one is told of later
                os.chown(folder, user, group)
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)


def check_writable(folder: Path, why: str) -> None:
    if not folder.is_dir():
        raise StudyError(
            f'{folder}: nothing is mounted there; add -v "$PWD{folder}:{folder}": {why}'
        )
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        raise StudyError(f"{folder}: is mounted read-only; mount it without `:ro`: {why}")
    if not os.access(folder, os.W_OK | os.X_OK):
        owner = folder.stat().st_uid
        raise StudyError(
            f"{folder}: user {os.getuid()} cannot write there; start the container with --user "
            f"{owner}, its owner: {why}"
        )


def working_copy() -> Path:
    """The folder in the volume where this image's project is run; this container's alone.

    Another image has another one; DVC's cache is common to all, so that it runs again only what
    the images do not share.
    """
    check_writable(CACHE, "data and what is done so far are kept there")
    work = CACHE / f"study-{identity()}"
    lock = os.open(f"{work}.lock", os.O_CREAT | os.O_RDWR, 0o666)
    os.set_inheritable(lock, True)  # held until the last process of this container has ended
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StudyError(
            f"{CACHE}: another container is at work in this volume; wait for it, or `docker exec`"
        ) from None
    if not work.exists():
        with new_folder(work) as new:
            shutil.copytree(
                IMAGE, new, symlinks=True, dirs_exist_ok=True,
                ignore=shutil.ignore_patterns("__pycache__"),
            )  # fmt: skip
    # Nobody else is at work here: these are a killed container's. DVC would look for the process
    # by its number, which some process of this container may have.
    for left in (".dvc/tmp/rwlock", ".dvc/tmp/exps/rwlock", ".git/index.lock"):
        (work / left).unlink(missing_ok=True)
    make_good(work, sys.stderr)
    with new_file(work / paths.PARAMS) as new:  # an experiment changes it
        shutil.copyfile(IMAGE / paths.PARAMS, new)
    return work


def identity() -> str:
    """Names what the image holds: its files and their commit."""
    digest = sha256(subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=IMAGE))
    for folder, folders, files in os.walk(IMAGE):
        folders[:] = sorted(name for name in folders if name not in (".git", "__pycache__"))
        for name in sorted(files):
            path = Path(folder, name)
            digest.update(f"{path.relative_to(IMAGE)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


# ---------------------------------------------------------------- doing it


def study(words: Sequence[str]) -> int:
    overrides, stages = parted(words)
    return reproduce(overrides, stages, paths.REPORTS, [paths.PARAMS, Path("dvc.lock")])


def experiment(words: Sequence[str]) -> int:
    overrides, others = parted(words)
    if others:
        raise StudyError(f"experiment: '{others[0]}': expected KEY=VALUE, as in finetune_layers=4")
    return reproduce(overrides, ["experiment"], paths.EXPERIMENT, [])


def reproduce(
    overrides: Sequence[str], stages: Sequence[str], results: Path, beside: Sequence[Path]
) -> int:
    """Run stages; what they left in the folder `results`, and the files `beside`, goes to /out."""
    check_writable(OUT, "results are left there")
    if overrides:
        check_overrides(overrides)
    work = working_copy()
    chosen = [word for override in overrides for word in ("--set-param", override)]
    command = ["dvc", "exp", "run", *chosen] if overrides else ["dvc", "repro"]
    replication = [sys.executable, "-m", "replication"]
    if status := run([*replication, "mend"], work):
        return status
    whole = not overrides and not stages  # then several stages at once
    if status := run([*replication, "grid"] if whole else [*command, *stages], work):
        print(
            f"error: stopped with status {status}; nothing was written to {OUT}. The same command "
            f"goes on from here if the same volume is at {CACHE}",
            file=sys.stderr,
        )
        return status
    with new_folder(OUT / results) as new:
        shutil.copytree(work / results, new, dirs_exist_ok=True)
    for path in beside:
        with new_file(OUT / path) as new:
            shutil.copyfile(work / path, new)
    print(f"Results: {OUT / results}")
    return 0


def run(command: Sequence[str], folder: Path) -> int:
    """Run in a group of its own, all of which is interrupted by Ctrl-C or `docker stop`."""
    # It holds the lock too: files that are not to be handed on are closed all the same.
    child = subprocess.Popen(command, cwd=folder, process_group=0, close_fds=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os.killpg(child.pid, signal.SIGINT))
    status = child.wait()
    return 128 - status if status < 0 else status


def app(words: Sequence[str]) -> int:
    """Show the results in /out, else those in the volume, else those that came with the image."""
    work = CACHE / f"study-{identity()}"
    folder = work if work.exists() else IMAGE
    if (OUT / paths.REPORTS).is_dir() and (OUT / paths.PARAMS).exists():
        folder = Path(tempfile.mkdtemp())
        for path in IMAGE.iterdir():
            given = OUT / path.name
            (folder / path.name).symlink_to(given if given.exists() else path)
    APP.write_text(os.environ.get("STREAMLIT_SERVER_PORT", "8501"), encoding="ascii")
    os.chdir(folder)
    # The project's own configuration is for one machine alone; here only `docker run -p` opens it.
    # Without a name of its own it would ask another server which address it is seen at.
    options = ["--server.address", "0.0.0.0", "--browser.serverAddress", "localhost"]
    start = ["streamlit", "run", "app.py", *options, *words]
    os.execvp(start[0], start)


def healthy(_: Sequence[str]) -> int:
    """For Docker: whether the browser answers. A study tells by itself how it fares."""
    if APP.exists():
        port = int(APP.read_text(encoding="ascii"))
        try:
            with urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5):
                pass
        except OSError as error:
            raise StudyError(f"the browser does not answer on port {port}: {error}") from None
    return 0


def become(command: Sequence[str]) -> int:
    """Run with the terminal as its own."""
    os.chdir(working_copy())
    os.execvp(command[0], command)


def replicate(words: Sequence[str]) -> int:
    from replication.__main__ import parser

    commands = sorted(next(a for a in parser()._actions if a.choices).choices)
    if words[0] not in (*commands, "--debug"):
        known = ", ".join([*VERBS, *(name for name in commands if name not in VERBS)])
        raise StudyError(f"'{words[0]}': expected one of {known}; `help` says more")
    return run(["python", "-m", "replication", *words], working_copy())


def explain(_: Sequence[str]) -> int:
    print(__doc__)
    return 0


VERBS = {
    "study": study,
    "experiment": experiment,
    "app": app,
    "dvc": lambda words: become(["dvc", *words]),
    "shell": lambda words: become(["bash", *words]),
    "healthy": healthy,
    "help": explain,
}


def main(words: Sequence[str]) -> int:
    """Do what is asked; an error is told in one line."""
    try:
        leave_root()
        verb, *rest = asked(words, dict(os.environ))
        return VERBS[verb](rest) if verb in VERBS else replicate([verb, *rest])
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:  # a full disk, a folder that is not ours
        print(f"error: {error.filename or 'file system'}: {error.strerror}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
