"""How many threads a process takes, before torch is loaded."""

import subprocess
import sys

import pytest

from replication.machine.threads import settle, stated_threads

COUNT = (
    "from replication.machine import threads; threads.settle(); "
    "import torch; print(torch.get_num_threads())"
)


def test_one_thread_unless_the_environment_says_otherwise():
    for stated, threads in ({}, "1"), ({"OMP_NUM_THREADS": "3"}, "3"):
        environ = dict(stated)
        settle(environ)
        assert environ["OMP_NUM_THREADS"] == threads


@pytest.mark.parametrize("stated", [{"OMP_WAIT_POLICY": "ACTIVE"}, {"GOMP_SPINCOUNT": "5"}])
def test_how_idle_threads_wait_is_the_users_where_said(stated):
    environ = dict(stated)
    settle(environ)
    assert environ == {**stated, "OMP_NUM_THREADS": "1"}
    other: dict[str, str] = {}
    settle(other)
    assert int(other["GOMP_SPINCOUNT"]) > 0


@pytest.mark.slow
@pytest.mark.parametrize(("stated", "threads"), [({}, "1"), ({"OMP_NUM_THREADS": "2"}, "2")])
def test_torch_takes_so_many(stated, threads):
    done = subprocess.run(
        [sys.executable, "-c", COUNT], env=stated, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == threads


@pytest.mark.parametrize(("stated", "threads"), [("", 1), ("6", 6), ("0", 1), ("2,1", 1)])
def test_how_many_are_stated(stated, threads):
    assert stated_threads({"OMP_NUM_THREADS": stated}) == threads
    assert stated_threads({}) == 1
