"""Options of sbatch: what we ask for a stage beside what the user asks for every job."""

import shlex
from collections.abc import Iterator, Sequence

from replication.files.errors import StudyError, shown

# Of each family sbatch takes one option: it refuses two kinds of memory, and GPUs told twice.
_FAMILIES = (
    ("mem", "mem-per-cpu", "mem-per-gpu"),
    ("gres", "gpus", "gpus-per-node", "gpus-per-socket", "gpus-per-task", "tres-per-task"),
    ("cpus-per-task", "cpus-per-gpu", "tres-per-task"),
)
# Say something of GPUs alone.
_OF_GPUS = {
    *("gpus", "gpus-per-node", "gpus-per-socket", "gpus-per-task", "gpu-bind", "gpu-freq"),
    *("mem-per-gpu", "cpus-per-gpu", "ntasks-per-gpu"),
}
_LISTS = ("gres", "tres-per-task")  # of GPUs among other things
_SHORT = {"c": "cpus-per-task", "G": "gpus", "t": "time"}


def combined(ours: Sequence[str], theirs: Sequence[str], gpu: bool) -> tuple[str, ...]:
    """`ours` without what `theirs` replaces, then `theirs`.

    ours    such as `--mem=4G`, for one kind of stage
    theirs  as the user types them, one or several words each: `--mem-per-gpu=40G`, `-G 2`
    gpu     whether the stage computes on one; what asks for GPUs is left out where not
    Errors: `StudyError` naming what is no option.
    """
    left = {_name(option): option for option in ours}
    asked: list[str] = []
    for words in _parsed(theirs):
        name, value = _name(words[0]), _value(words)
        if name in _LISTS:
            parts = value.split(",")
            kept = [part for part in parts if gpu or not _is_gpu(part)]
            if name == "gres" and not any(map(_is_gpu, parts)) and name in left:
                kept.insert(0, _value([left[name]]))  # their disk, say, beside our GPU
            if not kept:
                continue
            words = [f"--{name}={','.join(kept)}"]
            value = words[0]
        elif not gpu and name in _OF_GPUS:
            continue
        for other in (name, *(n for family in _FAMILIES if name in family for n in family)):
            if name not in _LISTS or other == name or _says(other, value):
                left.pop(other, None)
        asked += words
    return (*left.values(), *asked)


def _says(family: str, value: str) -> bool:
    """Whether a list such as that of --tres-per-task says what an option of ours does."""
    return ("gpu" if family == "gres" else "cpu") in value and family in ("gres", "cpus-per-task")


def _is_gpu(part: str) -> bool:
    return part.removeprefix("gres/").removeprefix("gres:").partition(":")[0].startswith("gpu")


def _parsed(given: Sequence[str]) -> Iterator[list[str]]:
    """Each option with its value: one word, or two."""
    for text in given:
        try:
            words = shlex.split(text)
        except ValueError:
            words = []
        if not words or not words[0].startswith("-"):
            raise StudyError(
                f"--sbatch-option: {shown(text)} is not accepted; accepted: an option of sbatch, "
                "such as --sbatch-option=--gres=gpu:a100:1"
            )
        starts = [i for i, word in enumerate(words) if word.startswith("-")]
        for start, end in zip(starts, [*starts[1:], len(words)], strict=True):
            yield words[start:end]


def _name(option: str) -> str:
    """The long name, without dashes."""
    if option.startswith("--"):
        return option[2:].partition("=")[0]
    return _SHORT.get(option[1:2], option[1:2])


def _value(words: Sequence[str]) -> str:
    first, *more = words
    if first.startswith("--") and "=" in first:
        return first.partition("=")[2]
    return more[0] if more else "" if first.startswith("--") else first[2:]
