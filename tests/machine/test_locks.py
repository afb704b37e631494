"""What one stage makes alone: others wait for it, with all of their processes."""

import time
from pathlib import Path

import pytest
import two_processes
from filelock import FileLock

from replication.machine import locks, processes
from replication.machine.locks import alone
from replication.study import paths


def enter(name: str) -> None:
    """Be alone, as a process of several; leave a file of its rank behind."""
    locks.POLL = 0.1
    processes.join()
    with alone(name, "somebody else is at it"):
        Path(f"in{processes.rank()}").touch()
    processes.leave()


@pytest.mark.slow
def test_all_processes_of_a_stage_wait_for_another_one(tmp_path):
    folder = tmp_path / paths.LOCKS
    folder.mkdir(parents=True)
    with FileLock(folder / "it.lock"):
        started = two_processes.start(tmp_path, 2, enter, "it")
        log = tmp_path / "log0"
        while not (log.exists() and "somebody" in log.read_text(encoding="utf-8")):
            assert all(p.exitcode is None for p in started)
            time.sleep(0.01)
        time.sleep(1)  # several looks at the lock
        assert not list(tmp_path.glob("in*"))
    statuses, printed = two_processes.ended(tmp_path, started)
    assert statuses == [0, 0], printed
    assert sorted(path.name for path in tmp_path.glob("in*")) == ["in0", "in1"]
    assert "".join(printed).count("somebody else is at it") == 1
