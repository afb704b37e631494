"""A DVC that is at work, and any process that holds DVC's locks, is waited for or named."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_project import DVC, RWLOCK, damage, dvc, mended

from replication.__main__ import main
from replication.files.errors import StudyError
from replication.pipeline import dvc_guard, dvc_state
from replication.pipeline.dvc_state import make_good

ROOT = Path(__file__).parents[3]


@pytest.fixture
def running(project):
    """A DVC whose stage runs, and so all of its entries in the rwlock."""
    Path("hold").touch()
    begun = time.time()
    command = [*DVC, "repro", "--quiet", "--force", "--single-item", "two"]
    process = subprocess.Popen(command, start_new_session=True)
    ends = time.monotonic() + 60
    last = Path("three.txt")  # that the stage writes before it waits
    while not (last.exists() and last.stat().st_mtime > begun):
        assert time.monotonic() < ends and process.poll() is None
        time.sleep(0.05)
    yield process
    Path("hold").unlink(missing_ok=True)  # a killed DVC's stage lives on
    process.wait()


def test_a_lock_that_can_be_read_is_left_alone(running, capsys):
    before = RWLOCK.read_bytes()
    assert mended(capsys) == [] and RWLOCK.read_bytes() == before
    Path("hold").unlink()
    assert running.wait() == 0


def test_a_dvc_that_lives_is_named_where_its_lock_cannot_be_read(running, capsys, monkeypatch):
    monkeypatch.setattr(dvc_state, "PATIENCE", 0.5)
    RWLOCK.write_bytes(b"")
    assert main(["mend"]) == 1 and RWLOCK.read_bytes() == b""
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1
    assert f"`dvc repro --quiet --force --single-item two` (process {running.pid})" in told.err
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert mended(capsys) == [".dvc/tmp/rwlock: could not be read, and is removed"]
    Path("hold").unlink()
    dvc("repro")


@pytest.mark.slow
def test_a_dvc_that_lives_is_waited_for(running, capsys, monkeypatch):
    RWLOCK.write_bytes(b"")
    mending = subprocess.Popen(
        [sys.executable, "-m", "replication", "mend"], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    time.sleep(3)
    assert mending.poll() is None and RWLOCK.read_bytes() == b""
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert "rwlock: could not be read" in mending.communicate()[0] and mending.returncode == 0


HOLD = """import sys, time
from zc.lockfile import LockFile
held = LockFile(sys.argv[1])
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


@contextlib.contextmanager
def holding(lock: str, seconds: float):
    command = [sys.executable, "-c", HOLD, lock, str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lock", "damaged"),
    [
        (".dvc/tmp/rwlock.lock", ".dvc/tmp/rwlock"),
        (".dvc/tmp/exps/rwlock.lock", ".dvc/tmp/exps/rwlock"),
        (".dvc/tmp/lock", "dvc.lock"),
    ],
)
def test_who_holds_a_lock_is_waited_for_or_named(project, lock, damaged, monkeypatch):
    monkeypatch.setattr("dvc.lock.DEFAULT_TIMEOUT", 0.3)  # of each of DVC's own attempts
    damage(Path(damaged), "null")
    Path(lock).parent.mkdir(parents=True, exist_ok=True)
    with holding(lock, 600) as holder:
        monkeypatch.setattr(dvc_guard, "PATIENCE", 0.5)
        half = Path(damaged).read_bytes()
        with pytest.raises(StudyError, match=rf"{lock}: .*\(process {holder.pid}\) holds it"):
            make_good()
        assert Path(damaged).read_bytes() == half
    monkeypatch.setattr(dvc_guard, "PATIENCE", 30)
    with holding(lock, 1):
        make_good()
    assert not Path(damaged).exists() or Path(damaged).read_bytes() != half
