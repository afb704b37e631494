"""What a container does. In place of `dvc`, `streamlit` and command grid stand some that
write down how they were called; folders of the test's own stand for /out and /cache."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DRIVER = """
import sys
from importlib import util
from pathlib import Path
spec = util.spec_from_file_location("entrypoint", sys.argv[1])
entrypoint = util.module_from_spec(spec)
spec.loader.exec_module(entrypoint)
entrypoint.OUT, entrypoint.CACHE, entrypoint.APP = map(Path, sys.argv[2:5])
entrypoint.leave_root = lambda: None
sys.exit(entrypoint.main(sys.argv[5:]))
"""
# Leaves results as a study and an experiment do. BEHAVE: fail, wait for Ctrl-C, change params.yaml.
FAKE = """#!{python}
import json, os, sys, time
from pathlib import Path
with open("{calls}", "a") as calls:
    print(json.dumps([Path(sys.argv[0]).name, *sys.argv[1:]]), file=calls)
if os.environ.get("BEHAVE") == "wait":
    try:
        Path("{calls}.pid").write_text(str(os.getpid()))
        time.sleep(60)
    except KeyboardInterrupt:
        sys.exit(130)
if os.environ.get("BEHAVE") == "fail":
    sys.exit(3)
if "params" in os.environ.get("BEHAVE", ""):
    Path("params.yaml").write_text("changed: true")
Path("reports/experiment").mkdir(exist_ok=True)
Path("reports/experiment/metrics.json").write_text("new")
Path("reports/REPORT.md").write_text("new")
"""

GRID = """
import os
def run_grid(_):
    os.execvp("grid", ["grid"])
"""


class Container:
    """One image and its two mounted folders; call it as `docker run` is."""

    def __init__(self, folder: Path):
        self.image, self.out, self.cache = (folder / name for name in ("image", "out", "cache"))
        self.calls, self.app = folder / "calls", folder / "app.port"
        for path in (self.image, self.out, self.cache, folder / "bin"):
            path.mkdir()
        for name in ("replication", "conf", "docker"):
            kept = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, self.image / name, ignore=kept)
        for name in ("app.py", "dvc.lock", "params.yaml", ".gitignore"):
            shutil.copy(ROOT / name, self.image)
        (self.image / "reports").mkdir()
        (self.image / "reports/REPORT.md").write_text("came with the image")
        subprocess.run(["sh", ROOT / "docker/repository", self.image], check=True)
        (self.image / "replication/pipeline/grid/command.py").write_text(GRID)
        for name in ("dvc", "streamlit", "grid"):
            fake = folder / "bin" / name
            fake.write_text(FAKE.format(python=sys.executable, calls=self.calls))
            fake.chmod(0o755)
        path = os.pathsep.join(
            [str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
        )
        self.environ = {**os.environ, "PATH": path, "PYTHONPATH": str(self.image)}

    def start(self, *words: str, **environ: str) -> subprocess.Popen:
        script = self.image / "docker/entrypoint.py"
        folders = map(str, (script, self.out, self.cache, self.app))
        command = [sys.executable, "-c", DRIVER, *folders, *words]
        return subprocess.Popen(
            command, cwd=self.image, env={**self.environ, **environ}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def __call__(self, *words: str, **environ: str) -> str:
        process = self.start(*words, **environ)
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        return output

    def refuses(self, *words: str, **environ: str) -> str:
        """The one line that it says of what it does not do."""
        process = self.start(*words, **environ)
        errors = process.communicate(timeout=60)[1]
        assert process.returncode != 0
        assert errors.count("\n") == 1, errors
        assert errors.startswith("error: ")
        return errors

    def called(self) -> list[list[str]]:
        return [json.loads(line) for line in self.calls.read_text().splitlines()]

    def wait_for_dvc(self) -> int:
        """Until it waits; its process."""
        process = self.calls.with_name("calls.pid")
        while not process.exists() or not process.read_text():
            time.sleep(0.05)
        return int(process.read_text())

    @property
    def work(self) -> Path:
        return next(path for path in self.cache.iterdir() if path.is_dir())


@pytest.fixture
def container(tmp_path):
    return Container(tmp_path)


# ---------------------------------------------------------------- what is asked


@pytest.mark.parametrize(
    ("words", "environ", "command"),
    [
        ([], {}, ["grid"]),
        (["study"], {"PROFILE": ""}, ["grid"]),
        (["study", "report"], {}, ["dvc", "repro", "report"]),
        ([], {"PROFILE": "mind-small"}, ["dvc", "exp", "run", "--set-param", "profile=mind-small"]),
        (
            ["study", "grid@nrms-static-frozen-clean-s1", "seed=3"],
            {"PROTOCOL": "released"},
            ["dvc", "exp", "run", "--set-param", "protocol=released", "--set-param", "seed=3",
             "grid@nrms-static-frozen-clean-s1"],
        ),
        (
            ["experiment", "finetune_layers=1"],
            {},
            ["dvc", "exp", "run", "--set-param", "finetune_layers=1", "experiment"],
        ),
        (["experiment"], {}, ["dvc", "repro", "experiment"]),
        (
            [],
            {"EXPERIMENT": "finetune_layers=1 'history=20'"},
            ["dvc", "exp", "run", "--set-param", "finetune_layers=1", "--set-param", "history=20",
             "experiment"],
        ),
        (["dvc", "exp", "show"], {}, ["dvc", "exp", "show"]),
    ],
)  # fmt: skip
def test_words_and_environment_become_one_command(container, words, environ, command):
    container(*words, **environ)
    assert container.called() == [command]


@pytest.mark.parametrize(
    ("words", "environ", "said"),
    [
        (
            [],
            {"PROFILE": "mind"},
            "profile: 'mind': expected one of demo, laptop, local, mind-demo",
        ),
        ([], {"PROTOCOL": "../clean"}, "protocol: '../clean': expected one of clean, released"),
        (["experiment", "finetune_layers=9"], {}, "finetune_layers: 9"),
        (["study", "finetune_layer=1"], {}, "finetune_layer"),
        (["experiment", "nrms"], {}, "'nrms': expected KEY=VALUE"),
        (["stduy"], {}, "'stduy': expected one of study, experiment, app"),
    ],
)
def test_a_wrong_value_is_told_in_one_line_before_any_work(container, words, environ, said):
    assert said in container.refuses(*words, **environ)
    assert not container.calls.exists()
    assert not list(container.cache.iterdir())


def test_any_other_word_is_a_command_of_the_package(container):
    container("compose", "finetune_layers=1")
    assert "\nfinetune_layers: 1\n" in (container.work / "params.yaml").read_text()
    assert "\nfinetune_layers: 1\n" not in (container.image / "params.yaml").read_text()


def test_the_words_it_knows_are_explained(container):
    assert "experiment KEY=VALUE" in container("help")


# ---------------------------------------------------------------- results


def test_a_study_leaves_its_results_and_nothing_else(container):
    (container.out / "mine.txt").write_text("kept")
    (container.out / "reports").mkdir()
    (container.out / "reports/old.json").write_text("of an earlier study")
    container()
    assert {path.name for path in container.out.iterdir()} == {
        "reports", "params.yaml", "dvc.lock", "mine.txt",
    }  # fmt: skip
    assert (container.out / "reports/REPORT.md").read_text() == "new"
    assert not (container.out / "reports/old.json").exists()
    assert (container.image / "reports/REPORT.md").read_text() == "came with the image"


def test_an_experiment_leaves_only_what_it_made(container):
    container("experiment")
    left = [path for path in container.out.rglob("*") if path.is_file()]
    assert left == [container.out / "reports/experiment/metrics.json"]


def test_a_failed_study_says_so_and_leaves_nothing(container):
    process = container.start(BEHAVE="fail")
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 3
    assert "stopped with status 3" in errors
    assert not list(container.out.iterdir())


def test_without_a_folder_for_results_nothing_is_begun(container):
    container.out.rmdir()
    assert f"{container.out}: nothing is mounted there" in container.refuses()
    assert not container.calls.exists()


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("name", ["out", "cache"])
def test_a_folder_that_cannot_be_written_is_named(container, name):
    folder = getattr(container, name)
    folder.chmod(0o555)
    assert f"{folder}: user {os.getuid()} cannot write there" in container.refuses()
    assert not container.calls.exists()


# ---------------------------------------------------------------- the volume


@pytest.mark.slow
def test_the_same_volume_is_gone_on_with_and_parameters_start_anew(container):
    container("experiment", "finetune_layers=1", BEHAVE="params")
    (container.work / "data").mkdir()
    (container.work / ".dvc/tmp").mkdir(parents=True)
    for left in (".dvc/tmp/rwlock", ".git/index.lock"):  # by a container that was killed
        (container.work / left).touch()
    container()
    assert (container.work / "data").exists()
    assert not (container.work / ".dvc/tmp/rwlock").exists()
    assert not (container.work / ".git/index.lock").exists()
    assert (container.out / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()


@pytest.mark.slow
def test_another_image_has_another_folder_in_the_volume(container):
    container()
    first = container.work
    (container.image / "replication/new.py").touch()
    container()
    assert {path.is_dir() for path in container.cache.glob("study-*[!k]")} == {True}
    assert len([path for path in container.cache.iterdir() if path.is_dir()]) == 2
    assert not (first / "replication/new.py").exists()


@pytest.mark.slow
def test_a_second_container_does_not_disturb_the_first(container):
    first = container.start(BEHAVE="wait")
    dvc = container.wait_for_dvc()
    assert "another container is at work" in container.refuses()
    container("app")  # may look on
    first.kill()
    first.wait()
    assert "another container is at work" in container.refuses()  # its dvc is
    os.kill(dvc, signal.SIGKILL)
    first.communicate()
    container()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_reaches_dvc_and_is_told(container, number):
    process = container.start(BEHAVE="wait")
    container.wait_for_dvc()
    process.send_signal(number)
    errors = process.communicate(timeout=20)[1]
    assert process.returncode == 130
    assert "goes on from here" in errors
    assert not list(container.out.iterdir())
    container()  # nobody holds the lock


# ---------------------------------------------------------------- the browser


def test_the_browser_is_open_to_other_machines_and_begins_with_the_image(container):
    container("app", "--theme.base", "dark")
    command = container.called()[0]
    assert command[:5] == ["streamlit", "run", "app.py", "--server.address", "0.0.0.0"]
    assert command[-2:] == ["--theme.base", "dark"]


def test_the_browser_shows_the_results_that_are_mounted(container, tmp_path):
    shutil.rmtree(container.image / "reports/experiment", ignore_errors=True)
    container()
    (tmp_path / "bin/streamlit").write_text("#!/bin/sh\npwd -P; cat reports/REPORT.md app.py\n")
    (container.out / "reports/REPORT.md").write_text("mounted")
    assert "mounted" in container("app")
    shutil.rmtree(container.out / "reports")
    folder, *shown = container("app").splitlines()
    assert folder == str(container.work)
    assert shown[0].startswith("new")


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/_stcore/health" else 404)
        self.end_headers()


def test_the_health_of_a_browser_is_that_it_answers(container):
    container("healthy")  # no browser here
    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    container("app", STREAMLIT_SERVER_PORT=str(server.server_port))
    container("healthy")
    server.shutdown()
    server.server_close()
    assert "does not answer" in container.refuses("healthy")
