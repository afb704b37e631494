"""The image built and run without Docker: `make docker-check`, as root, by buildah and debootstrap.

The base is Debian from its own installer, kept in build/docker; the image is built from a clone of
what is committed, as a stranger has it, and removed at the end.
"""

import ast
import csv
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest
from test_study import SHRUNK, stages_run

ROOT = Path(__file__).parents[2]
BASE = ROOT / "build/docker/debian.tar"


class Engine:
    """buildah, with a store of its own in `folder`; `run` is as near to `docker run` as it gets."""

    def __init__(self, folder: Path):
        store = folder / "store"
        self.store = ["buildah", "--root", str(store), "--runroot", str(folder / "run")]
        self.environ = {**os.environ, "STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}
        self.container, self.commit, self.entrypoint = "", "", []

    def __call__(self, *words: str) -> str:
        done = subprocess.run([*self.store, *words], env=self.environ, stdout=subprocess.PIPE,
                              text=True, check=True)  # fmt: skip
        return done.stdout.strip()

    def create(self, image: str) -> None:
        self.container = self("from", image)
        config = json.loads(self("inspect", "--type", "image", image))["Docker"]["config"]
        self.entrypoint, self.health = config["Entrypoint"], config["Healthcheck"]["Test"][1:]

    def start(self, options: list[str], words: list[str]) -> subprocess.Popen:
        command = [*self.store, "run", *options, self.container, "--", *words]
        return subprocess.Popen(command, env=self.environ, text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)  # fmt: skip

    def run(self, *words: str, options: list[str], succeed: bool = True) -> str:
        """What a container prints."""
        process = self.start(options, [*self.entrypoint, *words])
        output = process.communicate()[0]
        assert (process.returncode == 0) == succeed, output
        return output

    def refuses(self, *words: str, options: list[str]) -> str:
        """The one line that is said of what is not done, without what buildah adds."""
        output = self.run(*words, options=options, succeed=False).splitlines()
        said = [line for line in output if "exit status 1" not in line and "status 1" not in line]
        assert len(said) == 1, output
        return said[0]


def base(engine: Engine, folder: Path) -> str:
    """Debian 12, as small as its installer makes it: near to what `debian:bookworm-slim` is."""
    if not BASE.exists():
        BASE.parent.mkdir(parents=True, exist_ok=True)
        root, archive = folder / "debian", BASE.with_suffix(".tmp")
        subprocess.run(["debootstrap", "--variant=minbase", "bookworm", root], check=True)
        subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
        archive.replace(BASE)
        shutil.rmtree(root)
    container = engine("from", "scratch")
    engine("add", "--quiet", container, str(BASE), "/")
    engine("commit", "--quiet", "--rm", container, "base")
    return "localhost/base"


def pip_settings(folder: Path) -> list[str]:
    """Mounts that give pip in the build the settings that it has here; none enters the image."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], check=True,
                            stdout=subprocess.PIPE, text=True).stdout  # fmt: skip
    mounts, settings = [], {}
    for line in listed.splitlines():  # those of the environment, which count most, are first
        key, _, value = line.partition("=")
        value, name = ast.literal_eval(value), key.rpartition(".")[2]
        if name in settings or "file://" in value:  # an index on this disk is not mounted
            continue
        if Path(value).is_absolute() and Path(value).exists():
            mounted = f"/run/pip/{name}"
            mounts += ["--volume", f"{value}:{mounted}:ro"]
            value = mounted
        settings[name] = value
    lines = ["[global]", *(f"{name} = {value}" for name, value in settings.items()), ""]
    (folder / "pip.conf").write_text("\n".join(lines), encoding="utf-8")
    return [*mounts, "--volume", f"{folder}/pip.conf:/etc/pip.conf:ro"]


def kill(process: subprocess.Popen) -> None:
    """The container, as `docker kill` does."""
    for part in psutil.Process(process.pid).children(recursive=True):
        part.kill()
    process.communicate()


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("docker")
    engine = Engine(folder)
    clone = str(folder / "clone")
    subprocess.run(["git", "clone", "--quiet", f"file://{ROOT}", clone], check=True)
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=clone, text=True)
    engine.commit = head.strip()
    try:
        started = time.monotonic()
        engine("build", "--format", "docker", "--build-arg", f"BASE={base(engine, folder)}",
               *pip_settings(folder), "--tag", "study", clone)  # fmt: skip
        print(f"built in {time.monotonic() - started:.0f} s", engine("images"), sep="\n")
        engine.create("localhost/study")
        yield engine
    finally:
        engine("rm", "--all")
        engine("rmi", "--all", "--force")
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def mounts(tmp_path_factory) -> dict[str, Path]:
    """Folders as a person with user id 4321 has made them."""
    folder = tmp_path_factory.mktemp("mounted")
    found = {name: folder / name for name in ("out", "cache")}
    for path in found.values():
        path.mkdir()
        os.chown(path, 4321, 4321)
    return found


@pytest.fixture(scope="module")
def mounted(mounts) -> list[str]:
    return [word for name, path in mounts.items() for word in ("--volume", f"{path}:/{name}")]


def test_a_study_leaves_its_results_with_the_owner_of_the_folder(engine, mounts, mounted):
    killed = engine.start(mounted, [*engine.entrypoint, "study", *SHRUNK])
    for line in killed.stdout:
        if "Running stage 'grid" in line:
            break
    kill(killed)
    assert not list(mounts["out"].iterdir())
    output = engine.run("study", *SHRUNK, options=mounted)
    assert "prepare" not in stages_run(output)
    assert stages_run(output)[-1] == "inventory"
    assert "Demo data" in (mounts["out"] / "reports/REPORT.md").read_text(encoding="utf-8")
    left = list(mounts["out"].rglob("*"))
    assert {path.stat().st_uid for path in left} == {4321}
    run = mounts["out"] / "reports/runs/nrms-static-frozen-clean-s1/run.json"
    assert json.loads(run.read_text())["git"] == {"commit": engine.commit, "changed": False}


def test_an_experiment_in_a_second_container_reuses_what_the_volume_holds(engine, mounts, mounted):
    output = engine.run("experiment", *SHRUNK, "finetune_layers=2", options=mounted)
    assert stages_run(output) == ["check", "experiment"]
    found = json.loads((mounts["out"] / "reports/experiment/run.json").read_text())
    assert found["id"] == "nrms-minilm-l3-finetuned-k2-clean-s1"
    shown = engine.run("dvc", "exp", "show", "--csv", options=mounted)
    table = shown[shown.index("Experiment,") :].splitlines()
    depths = {row["finetune_layers"] for row in csv.DictReader(table)}
    assert {"1", "2"} <= depths


def test_no_part_of_it_is_done_as_root(engine, mounted):
    assert engine.run("shell", "-c", "id -u", options=mounted) == "4321\n"
    status = engine.run("shell", "-c", "cat /proc/self/status", options=mounted)
    assert "CapEff:\t0000000000000000" in status
    assert engine.run("shell", "-c", "id -u; touch $HOME/a", options=["--user", "1234"]) == "1234\n"
    # Folders that Docker made because they were not there are root's.
    made = Path(mounted[1].partition(":")[0]).with_name("made-by-docker")
    (made / "out").mkdir(parents=True)
    (made / "cache").mkdir()
    fresh = ["--volume", f"{made}/out:/out", "--volume", f"{made}/cache:/cache"]
    assert engine.run("shell", "-c", "id -u; touch /out/a", options=fresh) == "1000\n"


def test_the_browser_answers_every_address_and_its_health_is_known(engine, mounted):
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    options = [*mounted, "--env", f"STREAMLIT_SERVER_PORT={port}"]
    process = engine.start(options, [*engine.entrypoint, "app"])
    try:
        # Only a server that listens on all addresses has this one.
        url = f"http://127.0.0.2:{port}/_stcore/health"
        while process.poll() is None:
            try:
                assert urlopen(url, timeout=5).read() == b"ok"
                break
            except OSError:
                time.sleep(0.2)
        health = engine.start(mounted, engine.health)
        assert (health.communicate()[0], health.returncode) == ("", 0)
    finally:
        kill(process)
    health = engine.start(mounted, engine.health)
    assert f"does not answer on port {port}" in health.communicate()[0]
    assert health.returncode != 0


def test_what_cannot_be_done_is_told_in_one_line(engine, mounts, mounted):
    out, cache = mounted[:2], mounted[2:]
    assert "'stduy': expected one of study," in engine.refuses("stduy", options=mounted)
    assert "profile: 'x': expected" in engine.refuses(options=[*mounted, "--env", "PROFILE=x"])
    assert "finetune_layers: 9" in engine.refuses(
        "experiment", "finetune_layers=9", options=mounted
    )
    read_only = ["--volume", f"{mounts['out']}:/out:ro"]
    assert "/out: is mounted read-only" in engine.refuses(options=[*cache, *read_only])
    other = [*out, *cache, "--user", "1234"]
    assert "/out: user 1234 cannot write there; start the container with --user 4321" in (
        engine.refuses(options=other)
    )
