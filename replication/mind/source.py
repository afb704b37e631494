"""Stage `data`: MIND's four files in one place, synthesised (demo) or taken from the user's folder."""

import shutil
from pathlib import Path

from replication.atomic import new_folder
from replication.errors import StudyError
from replication.params import Params

SPLITS = ("train", "dev")
FILES = ("news.tsv", "behaviors.tsv")


def provide_data(params: Params, out: Path) -> None:
    """Fill `out` with `train/` and `dev/`, each with news.tsv and behaviors.tsv.

    The demo adds `truth.parquet`, the true click probabilities of its candidates.
    Errors: `StudyError` where the user's folder lacks a file.
    """
    if params.profile == "demo":
        from replication.mind.demo.corpus import DemoSize, write_demo

        sizes = {name: getattr(params.data, name) for name in DemoSize.__dataclass_fields__}
        write_demo(out, DemoSize(**sizes), params.data.seed)
        return
    source = Path(params.data.path)
    found = {(s, f): _find(source, s, f) for s in SPLITS for f in FILES}
    with new_folder(out) as folder:
        for (split, file), path in found.items():
            (folder / split).mkdir(exist_ok=True)
            shutil.copyfile(path, folder / split / file)


def _find(source: Path, split: str, file: str) -> Path:
    """`file` under `source/split`, by name: some archives wrap the files in a folder of their own."""
    found = sorted((source / split).rglob(file))
    if len(found) != 1:
        many = "is missing" if not found else f"is there {len(found)} times"
        raise StudyError(
            f"data.path: {source / split}: {file} {many}; expected train/ and dev/, each with "
            "news.tsv and behaviors.tsv in MIND's format"
        )
    return found[0]
