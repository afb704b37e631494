"""`python -m replication fetch`: a study's bytes in one folder, for a machine without network.

FOLDER/hub is a cache of the hub, FOLDER/downloads holds archives, FOLDER/contents.json the sha256
of every file. With HF_HOME=FOLDER and HF_HUB_OFFLINE=1 the study runs from it as it is.
"""

import argparse
from pathlib import Path

from replication.encoders.sources.checkpoints import download, download_tokenizer, held
from replication.encoders.sources.glove import archive
from replication.files.atomic import write_json
from replication.files.digest import sha256
from replication.files.errors import StudyError, warn
from replication.mind.hub_zips import find_zips, removed_if_refused
from replication.mind.imports.release import LICENCE
from replication.mind.releases import check_zip
from replication.pipeline.preflight.wanted import Archive, Mind, Wanted, wanted
from replication.study.params import Params


def fetch(params: Params, folder: Path) -> list[str]:
    """Bring every download of a study to `folder`; what is there is not asked for again, what was
    cut off goes on. Each file is held against its pins.

    Returns why something could not be had, one line each: the rest is there all the same.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    contents: dict[str, str] = {}
    problems: list[str] = []
    for item in wanted(params):
        try:
            files = _bring(item, folder)
        except StudyError as error:
            problems.append(str(error))
            warn(f"fetch: {error}")
            continue
        contents |= {p.relative_to(folder).as_posix(): d for p, d in sorted(files.items())}
        print(f"fetch: {len(files)} files of {_name(item)} are in {folder}", flush=True)
    write_json(folder / "contents.json", {"profile": params.profile, "sha256": contents})
    return problems


def _name(item: Wanted) -> str:
    if isinstance(item, Mind):
        return f"MIND-{item.release}"
    return item.name if isinstance(item, Archive) else item.what


def _bring(item: Wanted, folder: Path) -> dict[Path, str]:
    """The files of one download, and the sha256 of each."""
    cache = folder / "hub"
    if isinstance(item, Mind):
        return _mind(item, cache, folder / "downloads")
    if isinstance(item, Archive):
        path = archive(item.name, item.encoder, folder / "downloads")
        return {_inside(path, folder / "downloads"): sha256(path)}
    if item.tokenizer:
        entry = item.encoder.tokenizer
        assert entry is not None  # `wanted` lists no others
        source, found = download_tokenizer(item.name, entry, cache), {}
    else:
        source = download(item.name, item.encoder, cache)
        found = held(item.name, item.encoder, source)
    files = (path for path in source.iterdir() if path.is_file())
    return {path: found.get(path.name) or sha256(path) for path in files}


def _mind(item: Mind, cache: Path, downloads: Path) -> dict[Path, str]:
    print(LICENCE.format(page=item.pins.page), flush=True)
    zips = item.pins.zips(item.release)
    whole, splits = zips[0][0], tuple(split for _, split in zips)
    origin, sources = find_zips(item.pins, whole, splits, cache)
    files = {}
    for split, path in sources.items():
        with removed_if_refused(origin, path):
            judged = item.pins.has_figures(item.release)
            digest = check_zip(path, item.pins.split(whole, split), judged).sha256
        files[path if cache in path.parents else _inside(path, downloads)] = digest
    return files


def _inside(path: Path, downloads: Path) -> Path:
    """A file that was found elsewhere on this machine, in the folder too."""
    import shutil

    from replication.files.atomic import new_file

    target = downloads / path.name
    if not target.exists():
        with new_file(target) as temporary:
            shutil.copyfile(path, temporary)
    return target


def run(arguments: argparse.Namespace) -> None:
    """Fetch, and say how to use the folder. Errors: `StudyError` where something is missing."""
    from replication.pipeline.plan.stages import study

    params, _ = study(arguments.profile)
    problems = fetch(params, arguments.folder)
    if problems:
        raise StudyError(
            f"fetch: {len(problems)} could not be had ({'; '.join(problems)}); the rest is there: "
            "the same command goes on"
        )
    print(
        f"fetch: all is there. On the other machine, from the study's folder:\n"
        f"  export HF_HOME={arguments.folder} HF_HUB_OFFLINE=1   # the folder's path there\n"
        f"  python -m replication preflight --profile {params.profile} --offline\n"
        f"  dvc exp run -S profile={params.profile}"
    )
