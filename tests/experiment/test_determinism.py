"""The same seed gives the same bits: elsewhere, without caches, however batches are built.

That it does so twice, and another seed does not, is tested with the experiment (D11).
"""

import contextlib
import functools
import random
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tiny_study import change, write_project

from replication.encoders.models.embed import embed
from replication.experiment.run import run
from replication.study import paths
from replication.study.params import load_params
from replication.training import loop

pytestmark = pytest.mark.usefixtures("counted_once")

EXPERIMENTS = {
    "tuned layers": {"recommender": "nrms"},
    "tuned words": {"recommender": "lstur", "encoder": "static"},
    "frozen": {"recommender": "naml", "tuning": "frozen"},
    "as released": {"protocol": "released", "seeded": True, "recommender": "lstur"},
}
every_kind = pytest.mark.parametrize("kind", EXPERIMENTS)


def result(folder: Path, kind: str, **changes) -> dict[str, bytes]:
    """The bytes of all that a run found, made in the working directory's project."""
    params = change(load_params(), **EXPERIMENTS[kind], **changes)
    run(params, folder / "run", folder / "run.parquet")
    files = (folder / "run/metrics.json", folder / "run/cold_start.json", folder / "run.parquet")
    return {file.name: file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def first(project_folder, tmp_path_factory) -> Callable[[str], dict[str, bytes]]:
    """The result of each kind in the session's project, found once."""

    @functools.cache
    def found(kind: str) -> dict[str, bytes]:
        with contextlib.chdir(project_folder):
            return result(tmp_path_factory.mktemp("first"), kind)

    return found


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> Path:
    """Everything is made anew there: prepared data, checkpoints, embeddings, states."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with pytest.MonkeyPatch.context() as patch:
        write_project(folder, patch)
    return folder


@pytest.mark.slow
@every_kind
def test_in_another_folder(first, elsewhere, project_folder, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(elsewhere)
    assert elsewhere != project_folder
    assert result(tmp_path / "b", kind) == first(kind)


@pytest.mark.slow
@every_kind
def test_without_caches(made_project, tmp_path, monkeypatch, kind):
    shutil.copytree(made_project, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    first = result(tmp_path / "a", kind)
    cached = result(tmp_path / "b", kind)
    shutil.rmtree("cache", ignore_errors=True)
    shutil.rmtree(paths.EMBEDDINGS)
    for name in load_params().encoders:
        embed(name, load_params())
    assert result(tmp_path / "c", kind) == cached == first


def at_once(batches: Iterator) -> Iterator:
    """Built when they are wanted, by the thread that learns."""
    yield from batches


def slowly(batches: Iterator) -> Iterator:
    """Built by a second thread, which now and then is late."""
    pauses = random.Random(3)

    def late(batches: Iterator) -> Iterator:
        for batch in batches:
            time.sleep(pauses.random() / 100)
            yield batch

    yield from _AHEAD(late(batches))


def all_before(batches: Iterator) -> Iterator:
    """All built before the first is learned from, each by another thread."""
    found = []
    while True:
        with ThreadPoolExecutor(max_workers=1) as builder:
            batch = builder.submit(next, batches, None).result()
        if batch is None:
            break
        found.append(batch)
    yield from found


_AHEAD = loop.ahead


@pytest.mark.slow
@every_kind
@pytest.mark.parametrize("building", [at_once, slowly, all_before])
def test_however_batches_are_built(first, project, tmp_path, monkeypatch, building, kind):
    expected = first(kind)
    monkeypatch.setattr(loop, "ahead", building)
    assert result(tmp_path / "b", kind) == expected
