"""The command line of the study: `python -m replication COMMAND`."""

import argparse
import os
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from replication.commands import data, operate, others, results, study
from replication.commands.command import Command
from replication.files.errors import StudyError, one_line
from replication.machine import memory, processes, threads
from replication.study import paths

GROUPS: dict[str, tuple[Command, ...]] = {
    "study": (study.check, study.compose, study.preflight, study.expect, study.plan),
    "data": (
        others.import_, data.fetch, data.data, data.prepare, data.checkpoint, data.adapt,
        data.embed, data.merge,
    ),
    "results": (
        results.run, results.experiment, results.audit, results.baselines, results.compare,
        results.questions, results.report, results.show, results.distil, results.score,
        results.paper,
    ),
    "operate": (operate.grid, operate.verify, operate.mend, operate.inventory, operate.code),
}  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """The command line. Its help lists the commands by group, a sentence each."""
    top = argparse.ArgumentParser(
        prog="python -m replication",
        description=__doc__,
        epilog=_listed(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for group in GROUPS.values():
        for function in group:
            command = commands.add_parser(named(function), description=function.__doc__)
            command.set_defaults(function=function)
            for names, options in getattr(function, "arguments", ()):
                command.add_argument(*names, **options)
    return top


def named(function: Command) -> str:
    """What the user types; a word of Python's own has a line after it in the code."""
    return function.__name__.rstrip("_")


def _listed() -> str:
    lines = []
    for group, functions in GROUPS.items():
        lines.append(f"{group}:")
        for function in functions:
            told = textwrap.wrap(str(function.__doc__), 80)
            lines.append(f"  {named(function):<12}{told[0]}")
            lines += [f"{'':<14}{more}" for more in told[1:]]
        lines.append("")
    return "\n".join(lines).rstrip()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 on success, 1 after an error that is told in one line, 130 on Ctrl-C."""
    try:
        arguments = parser().parse_args(argv)
        arguments.typed = sys.argv[1:] if argv is None else argv
        processes.check()
        arguments.function(arguments)
        processes.leave()
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, KeyboardInterrupt) or (not arguments.debug and _is_interrupt(error)):
            if not processes.have_launcher():
                print("interrupted; run the same command again to go on", file=sys.stderr)
            return 130
        if arguments.debug or (told := _told(error)) is None:
            raise
        processes.tell(told)
        return 1
    return 0


def _is_interrupt(error: BaseException) -> bool:
    """Whether Ctrl-C is behind it: a library that calls our code back, as pydantic does to write a
    seed, makes an error of its own of what it meets there. A full disk is none of these, though it
    be met while a command that was interrupted puts things away."""
    if isinstance(error, OSError | MemoryError):
        return False
    behind: BaseException | None = error
    seen: set[int] = set()  # causes may go in a circle
    while behind and id(behind) not in seen:
        if isinstance(behind, KeyboardInterrupt):
            return True
        seen.add(id(behind))
        behind = behind.__cause__ or behind.__context__
    return False


def _told(error: BaseException) -> str | None:
    """What to say, in one line, of an error that a user may meet; None: it is a fault of ours."""
    match error:
        case StudyError():
            return one_line(str(error))
        case MemoryError():
            return "out of memory; lower batch_size, history or the limits of `text` in params.yaml"
        case OSError():  # a full disk, a read-only folder
            return one_line(f"{error.filename or 'file system'}: {error.strerror or error}")
        case ImportError():
            return _missing(error)
        case RuntimeError() if processes.lost_another(error):
            return processes.LOST
    return None


def _missing(error: ImportError) -> str | None:
    """What to say where the Python that runs this is not the study's: DVC starts a stage with the
    first `python` of the shell, of whichever environment DVC itself is. None: it is another error.
    """
    then = "activate the environment (`. .venv/bin/activate`), or use `make repro`"
    if sys.version_info < (3, 11):  # noqa: UP036 - one that nobody installed the package for
        return f"Python 3.11 or later is needed, {sys.executable} is not: {then}"
    package = (error.name or "").partition(".")[0]
    ours = {__package__, *sys.stdlib_module_names}
    if not isinstance(error, ModuleNotFoundError) or not package or package in ours:
        return None
    if Path(sys.prefix) == Path(".venv").resolve():
        then = "run `make setup`"
    return f"{package} is not installed for the Python that runs this, {sys.executable}: {then}"


def _by_another() -> int | None:
    """The exit status where a process that has imported the libraries did it; else None. What asks
    for that takes a command 18 ms to import, so that only those of the grid do it."""
    if not os.environ.get(paths.WARM):  # as in all but stages of the grid
        return None
    from replication.pipeline.grid.warm import handed_over

    return handed_over("replication", sys.argv[1:])


if __name__ == "__main__":
    threads.settle()
    memory.settle()
    status = _by_another()
    sys.exit(main() if status is None else status)
