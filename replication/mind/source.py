"""Stage `data`: MIND's four files in one place, synthesised (demo) or from the user's folder."""

import shutil
from pathlib import Path

from replication.atomic import new_folder
from replication.errors import StudyError
from replication.mind.prepare import FILES, find_file
from replication.params import Params

SPLITS = ("train", "dev")


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
    try:
        found = {(s, f): find_file(source / s, f) for s in SPLITS for f in FILES}
    except StudyError as error:
        raise StudyError(f"data.path: {error}") from None
    with new_folder(out) as folder:
        for (split, file), path in found.items():
            (folder / split).mkdir(exist_ok=True)
            shutil.copyfile(path, folder / split / file)
