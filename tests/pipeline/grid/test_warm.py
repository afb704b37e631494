"""A command that is handed over to a child of a process with libraries imported ends as by itself.

The commands are those of a small package that stands in the place of the study's.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from replication.pipeline.grid import warm
from replication.study import paths

ROOT = Path(__file__).parents[3]
CLIENT = """
import os, sys
from replication.pipeline.grid.warm import handed_over
os.chdir(sys.argv[1])
status = handed_over(sys.argv[2], sys.argv[3:])
sys.exit(99 if status is None else status)
"""
PACKAGE = """
import json, os, pathlib, signal, sys, time
def main(word, *rest):
    if word == "tell":
        files = [getattr(module, "__file__", None) or "" for module in sys.modules.values()]
        print(json.dumps({
            "argv": rest,
            "folder": os.getcwd(),
            "imported": "wave" in sys.modules,
            "variable": os.environ.get("TOLD"),
            "ours": [file for file in files if file.endswith("warm.py")],
            "main": sys.modules["__main__"].__file__,
            "handed": os.environ.get("REPLICATION_WARM"),
        }))
    if word == "end":
        sys.exit(eval(rest[0]))
    if word == "break":
        raise ValueError("broken")
    if word == "wait":
        try:
            pathlib.Path("pid").write_text(str(os.getpid()))
            time.sleep(60)
        except KeyboardInterrupt:
            print("interrupted")
            sys.exit(130)
if __name__ == "__main__":
    main(*sys.argv[1:])
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks safely")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A project with a package of its own."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "replication").mkdir()
    (folder / "replication/__init__.py").touch()
    (folder / "replication/__main__.py").write_text(PACKAGE, encoding="utf-8")
    shutil.copytree(folder / "replication", folder / "other")
    return folder


@pytest.fixture(scope="module")
def address(folder):
    """Where a process listens that has one small library imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(paths.WARM, raising=False)
        patch.setattr(warm, "FIRST", ())
        patch.setattr(warm, "LIBRARIES", ("wave",))
        with warm.offered() as offer:
            address = os.environ[paths.WARM]
            offer.begin(warm.WORTHWHILE)
            assert Path(f"{address}.first").exists()
            offer.compute()
            assert Path(address).exists()
            yield address
        assert paths.WARM not in os.environ and not Path(address).parent.exists()


def until(condition) -> None:
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.01)


def start(folder: Path, address: str, *words: str, module: str = "replication") -> subprocess.Popen:
    environ = os.environ | {paths.WARM: address, "PYTHONPATH": str(ROOT), "TOLD": "\udcff é"}
    return subprocess.Popen(
        [sys.executable, "-P", "-c", CLIENT, str(folder), module, *words],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def waiting(folder: Path, address: str) -> tuple[subprocess.Popen, int]:
    """A command at work, and the child that does it."""
    (folder / "pid").unlink(missing_ok=True)
    process = start(folder, address, "wait")
    until(lambda: (folder / "pid").exists() and (folder / "pid").read_text())
    return process, int((folder / "pid").read_text())


def gone(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    return False


def test_the_child_has_words_folder_environment_streams_and_the_library(folder, address):
    printed, _ = start(folder, address, "tell", "a b", "").communicate()
    assert json.loads(printed) == {
        "argv": ["a b", ""],
        "folder": str(folder),
        "imported": True,
        "variable": "\udcff é",
        "ours": [],  # as if the package had been started by itself
        "main": str(folder / "replication/__main__.py"),
        "handed": None,  # what it starts in turn is not handed over
    }


def test_what_another_module_starts_is_handed_over_in_turn(folder, address):
    """DVC's stages, after DVC itself."""
    told = json.loads(start(folder, address, "tell", module="other").communicate()[0])
    assert told["main"] == str(folder / "other/__main__.py") and told["handed"] == address


def test_it_is_known_by_the_name_of_its_module(folder, address):
    process, child = waiting(folder, address)
    assert psutil.Process(child).name() == "replication"
    os.killpg(process.pid, signal.SIGINT)
    process.communicate()


@pytest.mark.parametrize(
    ("code", "status"), [("0", 0), ("3", 3), ("None", 0), ("'error: told'", 1), ("True", 1)]
)
def test_its_status_is_the_commands(folder, address, code, status):
    process = start(folder, address, "end", code)
    printed, _ = process.communicate()
    assert process.returncode == status
    assert printed == ("error: told\n" if "told" in code else "")


def test_an_error_shows_its_traceback(folder, address):
    process = start(folder, address, "break")
    printed, _ = process.communicate()
    assert process.returncode == 1 and "ValueError: broken" in printed


def test_an_interrupt_goes_on_to_it(folder, address):
    process, child = waiting(folder, address)
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate()[0] == "interrupted\n" and process.returncode == 130
    until(lambda: gone(child))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_does_not_outlive_the_command(folder, address, how):
    process, child = waiting(folder, address)
    process.send_signal(how)
    assert process.wait() == -how
    until(lambda: gone(child))


def test_the_command_is_lost_with_it(folder, address):
    process, child = waiting(folder, address)
    os.kill(child, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def test_where_nobody_listens_the_command_runs_by_itself(folder, tmp_path):
    process = start(folder, str(tmp_path / "socket"), "tell")
    assert process.communicate()[0] == "" and process.returncode == 99


def test_a_listener_that_goes_away_has_taken_nothing(folder, tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        process = start(folder, str(tmp_path / "socket"), "tell")
        listener.accept()[0].close()
    assert process.wait() == 99


def test_it_ends_with_its_starter(folder, tmp_path):
    # As a job in the background, which a shell starts with interrupts ignored.
    ignoring = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
    listener = subprocess.Popen(
        [*ignoring, sys.executable, "-c", warm.START, str(tmp_path / "socket")],
        stdin=subprocess.PIPE,
    )
    until((tmp_path / "socket").exists)
    process, child = waiting(folder, str(tmp_path / "socket"))
    listener.stdin.close()
    assert listener.wait(60) == 0 and not gone(child)  # what it began goes on
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait() == 130


@pytest.mark.parametrize(("stages", "variable"), [(0, None), (99, "")])
def test_it_is_ended_for_little_and_not_started_where_it_is_forbidden(
    stages, variable, monkeypatch
):
    monkeypatch.delenv(paths.WARM, raising=False)
    if variable is not None:
        monkeypatch.setenv(paths.WARM, variable)
    started = []
    start = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda *a, **k: started.append(start(*a, **k)) or started[-1]
    )
    with warm.offered() as offer:
        offer.begin(stages)
        offer.compute()
        assert os.environ.get(paths.WARM) == variable
        assert all(process.returncode is not None for process in started)
    assert bool(started) == (variable is None)


def test_one_that_cannot_serve_is_not_waited_for(monkeypatch):
    monkeypatch.delenv(paths.WARM, raising=False)
    for libraries in ("FIRST", "LIBRARIES"):
        monkeypatch.setattr(warm, libraries, ("no_such_library",))
    with warm.offered() as offer:
        offer.begin(warm.WORTHWHILE)
        offer.compute()
        assert warm.handed_over("replication", []) is None


def test_until_the_libraries_are_there_the_first_process_serves(folder, monkeypatch):
    monkeypatch.delenv(paths.WARM, raising=False)
    monkeypatch.setattr(warm, "FIRST", ("wave",))
    monkeypatch.setattr(warm, "LIBRARIES", ("no_such_library",))
    with warm.offered() as offer:
        address = os.environ[paths.WARM]
        offer.begin(warm.WORTHWHILE)
        assert not Path(address).exists()
        told = json.loads(start(folder, address, "tell").communicate()[0])
        assert told["imported"] and told["handed"] is None


def test_a_process_with_threads_is_not_forked(tmp_path):
    (tmp_path / "threaded.py").write_text(
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-c", warm.START, str(tmp_path / "socket"), "threaded"],
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{tmp_path}"},
    )
    assert done.returncode == 0 and not (tmp_path / "socket").exists()
