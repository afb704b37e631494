"""The same seed gives the same bits: elsewhere, without caches, however batches are built.

That it does so twice, and another seed does not, is tested with the experiment (D11).
"""

import random
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tiny_study import change, write_project

from replication.encoders.models.embed import embed
from replication.experiment.run import run
from replication.study import paths
from replication.study.params import load_params
from replication.training import loop

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


@every_kind
def test_in_another_folder(project, tmp_path, monkeypatch, kind):
    """Everything is made anew there: prepared data, checkpoints, embeddings, states."""
    first = result(tmp_path / "a", kind)
    write_project(tmp_path / "elsewhere", monkeypatch)
    assert Path.cwd() != project
    assert result(tmp_path / "b", kind) == first


@every_kind
def test_without_caches(project_folder, tmp_path, monkeypatch, kind):
    shutil.copytree(project_folder, tmp_path / "project")
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


@every_kind
@pytest.mark.parametrize("building", [at_once, slowly, all_before])
def test_however_batches_are_built(project, tmp_path, monkeypatch, building, kind):
    first = result(tmp_path / "a", kind)
    monkeypatch.setattr(loop, "ahead", building)
    assert result(tmp_path / "b", kind) == first
