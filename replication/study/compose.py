"""params.yaml is composed from conf/ by Hydra, through DVC, as `dvc exp run` does."""

from collections.abc import Sequence
from pathlib import Path

from replication.files.errors import StudyError


def compose(overrides: Sequence[str], path: Path) -> None:
    """Write what conf/ composes to under `overrides`, such as `profile=mind-small`, to `path`.

    Errors: `StudyError` with the reason of Hydra or of its parsers.
    """
    from dvc.utils.hydra import compose_and_dump

    conf = str(Path("conf").resolve())
    try:
        compose_and_dump(path, conf, None, "config", conf, list(overrides))
    except Exception as error:  # of Hydra, of its parsers
        raise StudyError(f"conf: cannot be composed: {' '.join(str(error).split())}") from None
