"""What a container does. In place of `dvc`, `streamlit` and command grid stand some that
write down how they were called; folders of the test's own stand for /out and /cache."""

import os
import shutil
import signal
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


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


def test_another_image_has_another_folder_in_the_volume(container, tmp_path):
    container()
    first = container.work
    container.image = shutil.copytree(container.image, tmp_path / "image", symlinks=True)
    (container.image / "replication/new.py").touch()
    container()
    assert {path.is_dir() for path in container.cache.glob("study-*[!k]")} == {True}
    assert len([path for path in container.cache.iterdir() if path.is_dir()]) == 2
    assert not (first / "replication/new.py").exists()


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
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    container("app", STREAMLIT_SERVER_PORT=str(server.server_port))
    container("healthy")
    server.shutdown()
    server.server_close()
    assert "does not answer" in container.refuses("healthy")
