"""params.yaml is composed from conf/ by Hydra, through DVC, as `dvc exp run` does."""

from collections.abc import Sequence
from pathlib import Path

from replication.files.errors import StudyError, one_line
from replication.study.overrides import quoted


def compose(overrides: Sequence[str], path: Path) -> None:
    """Write what conf/ composes to under `overrides`, such as `profile=mind-small`, to `path`.

    Errors: `StudyError` with the reason of Hydra or of its parsers, and the override in quotes
    where Hydra reads in its value what was not meant.
    """
    from dvc.utils.hydra import compose_and_dump

    for override in overrides:
        _check(override)
    conf = str(Path("conf").resolve())
    try:
        compose_and_dump(path, conf, None, "config", conf, list(overrides))
    except Exception as error:  # of Hydra, of its parsers
        raise StudyError(f"conf: cannot be composed: {' '.join(str(error).split())}") from None


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
