"""A stage that starts its own processes: how it ends, and what it says when one is lost."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from project_params import change_params
from ruamel.yaml import YAML

from replication.__main__ import main
from replication.files.errors import StudyError
from replication.machine import launch
from replication.study.settings import Launch

ROOT = Path(__file__).parents[2]
GO_ON = "run the same command again to go on"


@pytest.fixture(scope="module")
def adaptable(made_project, tmp_path_factory) -> Path:
    """A tiny project with a Llama to adapt, for two processes."""
    sys.path.append(str(ROOT / "tests/encoders"))
    import small

    folder = shutil.copytree(made_project, tmp_path_factory.mktemp("adaptable") / "project")
    small.write_llama(folder / "llama")
    llama = {"family": "causal", "source": "folder", "name": "llama", "layers": 3, "width": 16}
    adapter = small.ADAPTER.__dict__ | {"max_steps": 60, "save_every": 1}
    change_params(
        folder,
        encoders__llama=llama | {"finetune_layers": 0},
        adapters={"llama-lora": adapter | {"targets": ["q_proj", "v_proj"]}},
        training__launch={"processes": 2},
    )
    with contextlib.chdir(folder):
        assert main(["checkpoint", "llama"]) == 0
    return folder


@pytest.fixture
def study(adaptable, tmp_path, monkeypatch) -> Path:
    """A copy of it as working directory."""
    folder = shutil.copytree(adaptable, tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


def started(folder: Path, *command: str, **environment: str) -> subprocess.Popen:
    """`python -m replication <command>` as a user types it."""
    return subprocess.Popen(
        [sys.executable, "-m", "replication", *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def workers(parent: int) -> dict[int, int]:
    """Process id by rank of what a launcher has started (Linux)."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                variables = (path.parent / "environ").read_bytes().split(b"\0")
                found |= {int(v[5:]): int(path.parent.name) for v in variables if v[:5] == b"RANK="}
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def until(happened, seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < ends
        time.sleep(0.01)


@pytest.mark.slow
def test_a_lost_worker_is_told_in_one_line_and_the_command_goes_on(study):
    """Nor does a worker outlive its launcher."""
    states = study / "cache/adapt"

    def saved():
        return states.exists() and any(states.iterdir())

    first = started(study, "adapt", "llama-lora")
    until(lambda: sorted(workers(first.pid)) == [0, 1])
    of_first = [Path(f"/proc/{pid}/maps") for pid in workers(first.pid).values()]
    until(lambda: all("libtorch" in maps.read_text() for maps in of_first))  # they have begun
    first.kill()
    first.communicate()
    until(lambda: not any(maps.parent.joinpath("exe").exists() for maps in of_first))
    second = started(study, "adapt", "llama-lora")
    until(saved)
    os.kill(workers(second.pid)[1], signal.SIGKILL)
    _, errors = second.communicate()
    assert second.returncode == 1
    (told,) = [line for line in errors.splitlines() if "batch/s" not in line and line]
    where = f"process 1 of 2 on {socket.gethostname()} was killed by SIGKILL"
    assert told == f"error: {where} (out of memory, or preempted?); {GO_ON}"
    assert not (study / "checkpoints/llama-lora").exists()
    third = started(study, "adapt", "llama-lora")
    third.communicate()
    assert third.returncode == 0 and not saved()
    recorded = json.loads((study / "reports/adapters/llama-lora.json").read_bytes())
    assert recorded["processes"] == 2 and recorded["seconds"] is None  # it did not do the whole
    source = json.loads((study / "checkpoints/llama-lora/source.json").read_bytes())
    assert [step for step, _ in source["training"]["loss"]] == list(range(1, 61))
    assert not list(study.rglob("*.tmp"))


@pytest.mark.slow
def test_an_error_of_all_processes_is_told_once(study):
    shutil.rmtree(study / "checkpoints/minilm")
    done = started(study, "embed", "minilm", TMPDIR=str(study / "cache"))
    printed, errors = done.communicate()
    assert done.returncode == 1 and not printed
    assert errors.count("\n") == 1 and errors.startswith("error: checkpoints/minilm"), errors
    assert not list((study / "cache").glob("tmp*"))


@pytest.mark.slow
def test_two_nodes_share_a_stage(study):
    """Here both on one machine: the same command on each, and where they meet."""
    change_params(study, training__launch={"processes": 1, "nodes": 2})
    expected = [p.read_bytes() for p in sorted((study / "embeddings/minilm").iterdir())]
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    shutil.rmtree(study / "embeddings/minilm")
    meet = {"MASTER_ADDR": "localhost", "MASTER_PORT": port}
    both = [started(study, "embed", "minilm", NODE_RANK=str(i), **meet) for i in range(2)]
    printed = [node.communicate() for node in both]
    assert [node.returncode for node in both] == [0, 0], printed
    assert [p.read_bytes() for p in sorted((study / "embeddings/minilm").iterdir())] == expected


@pytest.mark.parametrize(
    "known", [{}, {"MASTER_ADDR": "a"}, {"MASTER_ADDR": "a", "NODE_RANK": "2"}]
)
def test_nodes_that_cannot_meet_are_told_how(monkeypatch, known):
    for name in ("RANK", "MASTER_ADDR", "NODE_RANK", "SLURM_NODEID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(
        StudyError, match=r"launch\.nodes: 2, but .* NODE_RANK from 0 to 1 .* MASTER_ADDR"
    ):
        launch.share_stage(Launch(nodes=2), ["embed", "static"])


def test_a_node_that_waits_in_vain_is_told_what_is_missing(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setattr(launch, "_NODES_MEET", 1)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name, value in {"MASTER_ADDR": "localhost", "MASTER_PORT": "1", "NODE_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StudyError, match=r"cannot meet at localhost:1 .* on every node"):
        launch.share_stage(Launch(nodes=2), ["embed", "static"])


def test_more_processes_than_gpus_are_refused(monkeypatch):
    import torch

    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    with pytest.raises(StudyError, match=r"launch\.processes: 4 is not accepted; accepted: 3 or"):
        launch.share_stage(Launch(processes=4), ["embed", "static"])


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"processes": 0}, "training.launch.processes: 0 is not accepted; accepted: 1 or more"),
        ({"nodes": -1}, "training.launch.nodes: -1 is not accepted; accepted: 1 or more"),
        ({"fsdp": True}, "training.launch.fsdp: true is not accepted; accepted with one process"),
        ({"threads": 2}, "unknown key training.launch.threads"),
        ({"mixed_precision": "bf16"}, "unknown key training.launch.mixed_precision"),
    ],
)
def test_impossible_launches_are_named(study, capsys, values, told):
    change_params(study, training__launch=values)
    assert main(["check"]) == 1
    assert told in capsys.readouterr().err


def test_shares_of_four_bit_weights_are_refused(study, capsys):
    change_params(study, training__launch={"processes": 2, "fsdp": True})
    change_params(study, **{"adapters__llama-lora__base_format": "nf4"})
    assert main(["check"]) == 1
    assert "base_format (with fsdp): 'nf4' is not accepted; accepted: bf16, fp32" in (
        capsys.readouterr().err
    )


def test_no_stage_is_made_again_for_a_launch():
    """The number of processes is like the machine: no parameter of an experiment."""
    read = []

    def collect(stage: dict) -> None:
        read.extend(p for p in stage.get("params", ()) if p.partition(".")[0] == "training")

    for stage in YAML(typ="safe", pure=True).load(ROOT / "dvc.yaml")["stages"].values():
        collect(stage.get("do", stage))
    parts = {"training.precision", "training.frozen", "training.tuned_words"}
    assert set(read) == parts | {"training.tuned_layers"}


def test_a_process_alone_imports_nothing_for_others(study):
    """Stages start quickly; and one process is the default of the committed parameters."""
    from replication.study.params import load_params

    assert load_params(ROOT / "params.yaml").training.launch == Launch(1, 1, False)
    script = (
        "import sys; from replication.machine.launch import share_stage;"
        "from replication.study.settings import Launch; share_stage(Launch(), []);"
        "print([m for m in ('torch', 'accelerate') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done
