"""Whether each download of a study is here already, or can be had: nothing is downloaded."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import requests

from replication.encoders.sources.pickled import PICKLED, SAFE
from replication.encoders.sources.places import addresses
from replication.files.errors import StudyError
from replication.files.hub_endpoint import require_sound_endpoint
from replication.files.hub_token import require_sound_token
from replication.mind import hub_zips
from replication.pipeline.preflight.rows import Row
from replication.pipeline.preflight.wanted import Archive, Mind, Model, Wanted, is_made
from replication.study import paths

TIMEOUT = 10.0  # seconds until an answer counts as none
AT_ONCE = 8  # questions
FETCH = (
    "where there is a network, `python -m replication fetch --profile {profile} FOLDER`, then set "
    "HF_HOME=FOLDER here"
)


def download_rows(items: Iterable[Wanted], profile: str, offline: bool) -> list[Row]:
    """One row for each download, asked at the same time so that a slow server costs once.

    offline  ask nobody: what is not here is then a problem
    """
    items = list(items)

    def row(item: Wanted) -> Row:
        if is_made(item):
            return replace(_row(item, lambda: "made already"), state="made already")
        if offline:
            return _row(item, lambda: _refused(FETCH.format(profile=profile)))
        return _row(item, None)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(row, items))


class Refused(Exception):
    """Why something cannot be had, and what to do."""


def _refused(remedy: str) -> NoReturn:
    raise Refused(f"is not in the cache, and nobody was asked (offline): {remedy}")


Ask = Callable[[], str] | None  # None: ask the servers


def _state(cached: bool, ask: Callable[[], str]) -> tuple[str, str | None]:
    """State and problem of a download."""
    if cached:
        return "in the cache", None
    try:
        return ask(), None
    except (Refused, StudyError) as error:
        return "cannot be had", str(error)


def _row(item: Wanted, ask: Ask) -> Row:
    if isinstance(item, Mind):
        return _mind(item, ask)
    return _archive(item, ask) if isinstance(item, Archive) else _model(item, ask)


def _mind(item: Mind, ask: Ask) -> Row:
    from huggingface_hub import try_to_load_from_cache

    def cached(repository: str) -> bool:
        kept = (try_to_load_from_cache(repository, n, repo_type="dataset") for n in item.files)
        return all(isinstance(path, str) for path in kept)

    here = any(all((f / n).is_file() for n in item.files) for f in paths.download_folders())
    here = here or any(cached(source.repository) for source in item.pins.repositories)
    notes = []

    def servers() -> str:
        require_sound_endpoint()
        for source in item.pins.repositories:
            try:
                _metadata(source.repository, item.files[0], None, "dataset")
            except Exception as error:  # of the hub, of its network library
                notes.append(f"{source.repository}: {hub_zips.why_not(error, source)}")
                continue
            return "reachable"
        raise Refused(f"{'; '.join(notes)}; or put {' and '.join(item.files)} into cache/downloads")

    state, problem = _state(here, ask or servers)
    note = "; ".join(notes) if notes and problem is None else None
    where, licence = item.pins.page, "Microsoft Research License Terms"
    return Row(f"MIND-{item.release}", where, item.bytes, licence, state, problem, note)


def _archive(item: Archive, ask: Ask) -> Row:
    here = any((folder / item.file).is_file() for folder in paths.download_folders())
    notes = []

    def servers() -> str:
        for address in addresses(item.encoder.name, item.file):
            try:
                answer = requests.head(address, allow_redirects=True, timeout=TIMEOUT)
                answer.raise_for_status()
            except requests.RequestException as error:
                notes.append(f"{address}: {' '.join(str(error).split())[:120]}")
                continue
            return "reachable"
        raise Refused(
            f"{'; '.join(notes)}: check the network, or put {item.file} into cache/downloads"
        )

    state, problem = _state(here, ask or servers)
    note = "; ".join(notes) if notes and problem is None else None
    return Row(
        item.name, item.encoder.name, item.bytes, item.licence, state, problem,
        note,
    )  # fmt: skip


def _model(item: Model, ask: Ask) -> Row:
    from huggingface_hub import constants

    def servers() -> str:
        from replication.encoders.sources.hub import why_not

        require_sound_endpoint()
        require_sound_token()
        if item.revision is None:
            raise Refused("its revision is null: name the commit to pin")
        try:
            _metadata(item.repository, "config.json", item.revision, "model")
        except Exception as error:  # of the hub, of its network library
            raise Refused(why_not(item.repository, item.revision, error)) from None
        return "reachable"

    state, problem = _state(_is_cached(item), ask or servers)
    where = f"{constants.ENDPOINT}/{item.repository}"
    licence = f"{item.licence}{', gated' if item.gated else ''}"
    return Row(item.what, where, item.bytes, licence, state, problem)


def _is_cached(item: Model) -> bool:
    """Whether the hub's cache holds the configuration, and all weights or the tokenizer."""
    from huggingface_hub import try_to_load_from_cache

    from replication.encoders.sources.checkpoints import weight_files

    path = try_to_load_from_cache(item.repository, "config.json", revision=item.revision)
    if item.revision is None or not isinstance(path, str):
        return False
    folder = Path(path).parent
    if item.tokenizer:
        return any((folder / n).is_file() for n in ("tokenizer.json", "vocab.txt", "vocab.json"))
    try:
        weights = weight_files(item.name, folder)
    except StudyError:
        return False
    if all((folder / name).is_file() for name in weights):
        return True
    unsafe = not any((folder / name).is_file() for name in SAFE)
    return unsafe and PICKLED in item.encoder.sha256 and (folder / PICKLED).is_file()


def _metadata(repository: str, file: str, revision: str | None, kind: str) -> None:
    """Ask for one file's size; raises what the hub's client makes of the answer."""
    from huggingface_hub import errors, get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(repository, file, revision=revision, repo_type=kind)
    if get_hf_file_metadata(url, timeout=TIMEOUT).commit_hash is None:
        raise errors.FileMetadataError("no header X-Repo-Commit")
