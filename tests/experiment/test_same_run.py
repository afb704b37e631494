"""Two stages of one run, such as a cell of the grid and the experiment at hand: the second waits
for the first, whose state it would otherwise go on from while that is still being written."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import polars as pl
import pytest

from replication.experiment.run import run
from replication.machine.saved_state import SavedState
from replication.study import paths
from replication.training import loop

pytestmark = pytest.mark.usefixtures("counted_once")

SOON = 300  # seconds in which anything here has happened


class Killed(BaseException):
    pass


@pytest.fixture
def first(tmp_path, monkeypatch):
    """Of two runs at once the first stops at its fourth batch until `goes_on`; a state is saved at
    each. `batches` has one entry for each batch that was begun."""
    monkeypatch.setattr(paths, "TRAINING", tmp_path / "training")
    monkeypatch.setattr(paths, "LOCKS", tmp_path / "locks")
    monkeypatch.setattr(SavedState, "due", True)

    class First:
        def __init__(self):
            self.batches, self.killed = [], False
            self.stopped, self.goes_on = Event(), Event()

    first = First()
    learn = loop.loss_of

    def counted(scores, batch):
        first.batches.append(1)
        if len(first.batches) == 4:
            first.stopped.set()
            assert first.goes_on.wait(SOON)
            if first.killed:
                raise Killed
        return learn(scores, batch)

    monkeypatch.setattr(loop, "loss_of", counted)
    return first


def outcome(folder: Path) -> tuple[bytes, pl.DataFrame, dict]:
    record = json.loads((folder / "run.json").read_bytes())
    table = pl.read_parquet(folder.with_suffix(".parquet"))
    return (folder / "metrics.json").read_bytes(), table, record["training"]


@pytest.mark.slow
@pytest.mark.parametrize("killed", [False, True])
def test_the_second_waits_and_begins_with_what_the_first_has_left(
    params, tmp_path, first, capfd, killed
):
    first.killed = killed
    with ThreadPoolExecutor() as pool:
        one, two = (tmp_path / name for name in ("one", "two"))
        begun = pool.submit(run, params, one, one.with_suffix(".parquet"))
        try:
            assert first.stopped.wait(SOON)
            other = pool.submit(run, params, two, two.with_suffix(".parquet"))
            with pytest.raises(TimeoutError):
                other.result(timeout=3)
            assert len(first.batches) == 4  # of the first alone
        finally:
            first.goes_on.set()
        if killed:
            with pytest.raises(Killed):
                begun.result(SOON)
        other.result(SOON)
    told = [x for x in capfd.readouterr().err.splitlines() if "another stage is at the same" in x]
    assert len(told) == 1
    assert not list(paths.TRAINING.iterdir())
    # Of a run's five batches the killed one has left three, and has begun a fourth.
    assert len(first.batches) == (4 + 2 if killed else 5 + 5)
    cost = json.loads((two / "cost.json").read_bytes())
    assert cost["resumed"] == int(killed)
    whole = tmp_path / "whole"
    run(params, whole, whole.with_suffix(".parquet"))
    for folder in [two] if killed else [one, two]:
        metrics, table, training = outcome(folder)
        expected = outcome(whole)
        assert metrics == expected[0] and table.equals(expected[1]) and training == expected[2]
