"""params.yaml is composed from conf/ by Hydra, through DVC, as `dvc exp run` does."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import is_dataclass
from itertools import pairwise
from pathlib import Path
from typing import get_type_hints

from replication.files.errors import StudyError, one_line, warn
from replication.files.listing import files_below
from replication.study import paths
from replication.study.overrides import overrides as overrides_of
from replication.study.overrides import quoted

_SAYS = re.compile(rf"^(--set-param=|-S)?({paths.PARAMS}:)?[+~]*")  # before the key
_SETS = re.compile(r"([A-Za-z_][\w.-]*)=", re.ASCII)  # no `+key=`, which adds one, and no `~key`
_SHOWN = 5  # values that a warning names
_NO_PLUGINS = "conf/protocol"  # where Hydra finds none, for what they do is done here


def compose(overrides: Sequence[str], path: Path) -> None:
    """Write what conf/ composes to under `overrides`, such as `profile=mind-small`, to `path`.

    Errors: `StudyError` with the reason of Hydra or of its parsers, and the override in quotes
    where Hydra reads in its value what was not meant.
    """
    from dvc.utils.hydra import compose_and_dump

    for override in overrides:
        _check(override)
    refuse_unknown(overrides)
    if path == paths.PARAMS and path.exists():
        tell_lost(Path(), overrides)
    conf = str(Path("conf").resolve())
    try:
        compose_and_dump(path, conf, None, "config", _NO_PLUGINS, list(overrides))
    except Exception as error:  # of Hydra, of its parsers
        raise StudyError(f"conf: cannot be composed: {' '.join(str(error).split())}") from None


def said_to_dvc(words: Sequence[str]) -> Iterator[str]:
    """The overrides of params.yaml among the words of a command line: what -S sets."""
    for before, word in pairwise(["", *words]):
        attached = re.match("-S(?=.)|--set-param=", word)
        if attached or before in ("-S", "--set-param"):
            yield word[attached.end() if attached else 0 :].removeprefix(f"{paths.PARAMS}:")


def refuse_unknown(overrides: Sequence[str]) -> None:
    """`StudyError` that names the first key which the study does not have, and those it has there.

    What lies under names that the user gives, such as `encoders.mine.layers`, is left to Hydra.
    """
    from replication.study.settings import Params

    for override in overrides:
        if not (sets := _SETS.match(override)):
            continue
        kind, under = Params, ""
        for part in sets[1].split("."):
            if not is_dataclass(kind):
                break
            known = get_type_hints(kind)
            if part not in known:
                listed = ", ".join(known)
                raise StudyError(f"{under}{part}: no such key of the study; accepted: {listed}")
            kind, under = known[part], f"{under}{part}."


def tell_lost(project: Path, said: Sequence[str]) -> None:
    """Warn of what params.yaml holds beside conf/, which is gone when it is composed anew.

    said: words of the command line; what they set is not lost, nor what they replace. What conf/
    alone holds (`~key`) is no loss: it may just have been added there.
    Errors: `OSError` where a file cannot be read.
    """
    conf = project / "conf"
    files = {
        file.relative_to(conf).with_suffix("").as_posix(): file.read_bytes()
        for file in files_below(conf, "*.yaml")
    }
    found = overrides_of((project / paths.PARAMS).read_bytes(), files)
    keys = {_SAYS.sub("", word).partition("=")[0] for word in said}
    lost = (
        ["what no -S can say"]
        if found is None
        else [
            override
            for override in found
            if not override.startswith("~")
            and _SAYS.sub("", override).partition("=")[0] not in keys
        ]
    )
    if lost:
        more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
        warn(
            f"{paths.PARAMS} is composed anew from conf/, and loses what it held beside it "
            f"({', '.join(lost[:_SHOWN])}{more}): say it again with -S, or in conf/"
        )


def _check(override: str) -> None:
    """`StudyError` where Hydra cannot read an override, or reads several values in it."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        if not OverridesParser.create().parse_override(override).is_sweep_override():
            return
        reason = "Hydra reads several values in it"
    except HydraException as error:
        reason = f"Hydra cannot read it ({str(error).partition(chr(10))[0]})"
    if "=" not in override:
        raise StudyError(
            f"{one_line(override)}: {reason}; expected KEY=VALUE, as in finetune_layers=4"
        )
    raise StudyError(
        f"{one_line(override)}: {reason}; if it is one text, such as a path, put it in quotes, for "
        f"Hydra and for the shell: {one_line(quoted(override))}"
    )
