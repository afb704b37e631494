"""Stages `code-...`: the digest of every file of the rooms that other stages run.

The rooms stand in dvc.yaml, once, as the dependencies of such a stage. Dozens of stages depend on
the file that it writes: dvc.lock then records one digest for each of them where it would repeat
those of ten folders.
"""

from collections.abc import Iterator
from pathlib import Path

from replication.files.atomic import write_json
from replication.files.digest import sha256
from replication.files.documents import read_yaml
from replication.files.errors import StudyError
from replication.files.listing import files_below
from replication.study import paths

PIPELINE = Path("dvc.yaml")
_CODE = {".py", ".yaml", ".csv", ".json"}


def write_code(name: str) -> None:
    """Write `cache/code/<name>.json` for the stage `code-<name>`.

    Errors: `StudyError` where dvc.yaml has no such stage, or one of its folders is missing.
    """
    stage = read_yaml(PIPELINE)["stages"].get(f"code-{name}")
    if stage is None:
        raise StudyError(f"{PIPELINE}: stages: there is no code-{name}")
    files = sorted({file for dep in stage["deps"] for file in code_files(Path(dep))})
    write_json(paths.CODE / f"{name}.json", {file.as_posix(): sha256(file) for file in files})


def code_files(path: Path) -> Iterator[Path]:
    """Files of the package's code and data below a folder, or the one file.

    Errors: `StudyError` where there is nothing under this path.
    """
    if path.is_file():
        yield path
    elif path.is_dir():
        yield from (file for file in files_below(path) if file.suffix in _CODE)
    else:
        raise StudyError(f"{PIPELINE}: {path}: no such file or folder")
