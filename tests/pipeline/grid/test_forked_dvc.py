"""Who is at work in a project: a DVC that was started, and one that was forked."""

import os
import subprocess
import sys
import time

import pytest

from replication.pipeline.dvc_guard import at_work

FORKED = """
import pathlib, sys, time
pathlib.Path("/proc/self/comm").write_text(sys.argv[1])
print(flush=True)
time.sleep(60)
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / ".dvc").mkdir()
    return tmp_path


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks safely")
@pytest.mark.parametrize(("name", "known"), [("dvc", True), ("replication", False)])
def test_a_forked_dvc_is_known_by_its_name(project, name, known):
    command = [sys.executable, "-c", FORKED, name]
    with subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        found = at_work(project)
        process.kill()
    assert found == (f"`dvc` (process {process.pid})" if known else None)


def test_a_dvc_is_told_with_what_was_typed(project):
    command = [sys.executable, "-c", "import time; time.sleep(60)", "dvc", "repro", "check"]
    with subprocess.Popen(command, cwd=project) as process:
        while not (found := at_work(project)):
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    assert found == f"`dvc repro check` (process {process.pid})"


def test_one_in_another_project_is_not(project, tmp_path_factory):
    assert at_work(project) is None
    command = [sys.executable, "-c", "import time; time.sleep(60)", "dvc"]
    with subprocess.Popen(command, cwd=tmp_path_factory.mktemp("another")) as process:
        time.sleep(0.2)
        assert at_work(project) is None
        os.kill(process.pid, 9)
