"""Stage `inventory`: every file the study made, with its digest, its size and what makes it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from replication.files.atomic import write_json
from replication.files.digest import sha256
from replication.files.errors import StudyError
from replication.files.listing import files_below
from replication.study import paths


def write_inventory() -> None:
    """Write reports/inventory.json from what DVC has recorded of the stages' outputs.

    What is in git is listed file by file under its SHA-256; what is in DVC's cache under the MD5 by
    which DVC keeps it (of a folder, that of its listing), whether it is on disk or not.

    Errors: `StudyError` naming the stage and the output that DVC has no record of, or the file that
    is missing.
    """
    rows = []
    for stage, output in _outputs():
        path = Path(output.def_path)
        if output.use_cache:
            rows.append(_cached(stage, output))
        elif path.is_relative_to(paths.REPORTS) and path != paths.INVENTORY:
            files = files_below(path) if path.is_dir() else [path]
            rows += [_tracked(stage, file) for file in files]
    write_json(paths.INVENTORY, {"artefacts": sorted(rows, key=lambda row: row["path"])})


def _outputs() -> Iterator[tuple[str, Any]]:
    """Each stage's address with each of its outputs, as dvc.yaml and dvc.lock have them."""
    from dvc.repo import Repo

    with Repo() as repo:
        for stage in repo.index.stages:
            for output in stage.outs:
                yield stage.addressing, output


def _cached(stage: str, output: Any) -> dict:
    if not output.hash_info:
        raise StudyError(
            f"dvc.lock: {stage}: nothing recorded of {output.def_path}; run `dvc repro`"
        )
    return {
        "path": output.def_path,
        "stage": stage,
        "kept": "dvc",
        "digest": f"{output.hash_info.name}:{output.hash_info.value}",
        "bytes": output.meta.size,
        "files": output.meta.nfiles or 1,
    }


def _tracked(stage: str, file: Path) -> dict:
    if not file.is_file():
        raise StudyError(f"{file}: no such file; stage {stage} makes it: run `dvc repro`")
    return {
        "path": file.as_posix(),
        "stage": stage,
        "kept": "git",
        "digest": f"sha256:{sha256(file)}",
        "bytes": file.stat().st_size,
        "files": 1,
    }
