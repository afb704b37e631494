"""Real processes, stopped at any moment: what is visible is whole, and the end is the same."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
STAGES = [
    "check", "data", "prepare",
    "checkpoint static", "checkpoint minilm", "checkpoint llama", "adapt llama-lora",
    "embed static", "embed minilm", "embed llama", "embed llama-lora", "experiment",
    *(f"run nrms-{encoder}-{tuning}-clean-s1"
      for encoder, tuning in (("static", "frozen"), ("static", "finetuned"), ("minilm", "frozen"),
                              ("minilm", "finetuned"), ("llama", "frozen"),
                              ("llama-lora", "frozen"))),
    "run nrms-minilm-finetuned-k0-clean-s1",
    "audit words", "baselines", "compare", "questions", "report",
]  # fmt: skip
KILLS = 20
VISIBLE = ("reports", "runs", "data", "checkpoints", "embeddings", "cache")


@pytest.fixture(scope="module")
def inputs(made_project, tmp_path_factory) -> Path:
    """A tiny project before its first stage: data of one's own, three tiny checkpoints."""
    sys.path.append(str(ROOT / "tests/encoders"))
    import small

    folder = shutil.copytree(made_project, tmp_path_factory.mktemp("interrupted") / "inputs")
    (folder / "data/raw").rename(folder / "mind")
    (folder / "checkpoints/static").rename(folder / "vectors")
    for made in ("checkpoints", "embeddings", "data"):
        shutil.rmtree(folder / made)
    small.write_llama(folder / "llama")
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((folder / "params.yaml").read_text(encoding="utf-8"))
    params["profile"] = "local"
    params["data"] = {"path": "mind"}
    params["encoders"]["static"]["name"] = "vectors"
    params["encoders"]["llama"] = {
        **{"family": "causal", "source": "folder", "name": "llama", "layers": 3, "width": 16},
        "finetune_layers": 0,
    }
    settings = small.ADAPTER.__dict__ | {"max_steps": 8, "save_every": 1}
    params["adapters"] = {"llama-lora": settings | {"targets": list(settings["targets"])}}
    params["training"]["tuned_words"] |= {"learning_rate": [0.01, 0.1], "search_steps": 3}
    params["grid"] |= {"recommenders": ["nrms"], "llms": ["llama", "llama-lora"]}
    params["sweep"]["layers"] = ["k0"]
    params["audit"]["bases"] = ["clean"]
    params["paper"]["llama-3.1-8b"] = "llama"
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(params, file)
    return folder


def ended(folder: Path, stage: str, **options) -> tuple[int, str]:
    """Run a stage to its end: exit status and what it printed."""
    from stage_process import start

    process = start(folder, stage, **options)
    process.join()
    return process.exitcode, (folder / "log").read_text(encoding="utf-8")


def stopped(folder: Path, stage: str, seconds: float, number: int) -> int:
    """Run a stage and send it a signal after so long, or sooner if it ends before: its status."""
    from stage_process import start

    while True:
        process = start(folder, stage)
        process.join(seconds)
        if process.exitcode is None:
            os.kill(process.pid, number)
            process.join()
        if process.exitcode:
            return process.exitcode
        seconds /= 2


@pytest.fixture(scope="module")
def whole(inputs) -> tuple[Path, dict[str, float]]:
    """The study, run without a stop, and the seconds that each stage took."""
    folder, seconds = inputs.with_name("whole"), {}
    shutil.copytree(inputs, folder)
    for stage in STAGES:
        started = time.monotonic()
        status, printed = ended(folder, stage)
        assert status == 0, (stage, printed)
        seconds[stage] = time.monotonic() - started
    return folder, seconds


def shown(folder: Path) -> list[Path]:
    """Every file that a stage has made and a reader may open."""
    paths = (p for name in VISIBLE for p in (folder / name).rglob("*") if p.is_file())
    return sorted(p for p in paths if not any(x.endswith(".tmp") for x in p.parts))


def assert_whole(folder: Path) -> None:
    """Each of them can be read to its end."""
    from safetensors.numpy import load_file

    readers = {".json": lambda p: json.loads(p.read_bytes()), ".parquet": pl.read_parquet,
               ".npy": np.load, ".safetensors": load_file, ".md": assert_ends_a_line,
               ".csv": assert_ends_a_line, ".txt": assert_ends_a_line}  # fmt: skip
    for path in shown(folder):
        readers.get(path.suffix, Path.read_bytes)(path)


def assert_ends_a_line(path: Path) -> None:
    assert path.read_bytes().endswith(b"\n"), path


def results(folder: Path) -> dict[str, object]:
    """Content of all that was made, but for times, memory, and what is made of them."""
    found = {}
    for path in shown(folder):
        name = path.relative_to(folder).as_posix()
        if name.endswith("run.json"):
            record = json.loads(path.read_bytes())
            found[name] = {k: record[k] for k in ("seed", "training", "checkpoint", "data_sha256")}
        elif name.endswith("made.json"):
            found[name] = json.loads(path.read_bytes()) | {"seconds": None}
        elif name.endswith("cost.json") or name.startswith(
            ("reports/adapters", "reports/embeddings", "cache/audit")
        ):
            found[name] = None
        elif not name.startswith(("reports/audit", "reports/REPORT", "reports/comparison",
                                  "reports/claims", "reports/figures/cost",
                                  "reports/tables/c", "reports/tables/audit")):  # fmt: skip
            found[name] = path.read_bytes()
    return found


@pytest.mark.slow
def test_a_study_killed_at_twenty_moments_ends_the_same(inputs, whole):
    finished, seconds = whole
    folder = inputs.with_name("killed")
    shutil.copytree(inputs, folder)
    draw = random.Random(20)
    kills = [*STAGES[1:], *draw.choices(STAGES, k=KILLS)][:KILLS]
    for stage in STAGES:
        for _ in range(kills.count(stage)):
            moment = draw.uniform(0, seconds[stage])
            assert stopped(folder, stage, moment, signal.SIGKILL) == -signal.SIGKILL
            assert_whole(folder)
        status, printed = ended(folder, stage)
        assert status == 0, (stage, printed)
    there, expected = results(folder), results(finished)
    assert there.keys() == expected.keys()
    assert not [name for name in expected if there[name] != expected[name]]
    assert not list(folder.rglob("*.tmp"))
    assert not list((folder / "cache/training").glob("*"))
    assert not list((folder / "cache/adapt").glob("*"))


@pytest.mark.slow
def test_ctrl_c_is_told_in_one_line(inputs, whole):
    finished, seconds = whole
    folder = inputs.with_name("interrupted")
    shutil.copytree(finished, folder)
    draw = random.Random(3)
    for stage in STAGES[1:]:
        status = stopped(folder, stage, draw.uniform(0.1, 0.9) * seconds[stage], signal.SIGINT)
        printed = (folder / "log").read_text(encoding="utf-8")
        # Python dies of the signal itself where it came while a module was being made.
        assert status in (0, 130, -signal.SIGINT), (stage, printed)
        lines = [line for line in printed.splitlines() if not line.startswith("audit: ")]
        if status == 130:
            assert lines == ["interrupted; run the same command again to go on"], (stage, printed)
        assert "Traceback" not in printed, printed
        assert_whole(folder)


@pytest.mark.slow
@pytest.mark.parametrize("largest", [500, 4096])
def test_a_full_disk_is_told_in_one_line(inputs, whole, largest):
    """As far as a process can tell: no file may become larger than so many bytes."""
    folder = inputs.with_name(f"full{largest}")
    shutil.copytree(whole[0], folder)
    before = results(folder)
    shutil.rmtree(folder / "cache/audit")
    refused = []
    for stage in STAGES:
        status, printed = ended(folder, stage, largest=largest)
        if status:  # the files of others are small enough
            refused.append(stage)
            *before_it, told = printed.splitlines()
            assert status == 1 and told.startswith("error: "), (stage, printed)
            assert "File too large; make room" in told, (stage, printed)
            assert all(line.startswith("audit: ") for line in before_it), (stage, printed)
        assert_whole(folder)
    assert {s.split()[0] for s in refused} >= {"data", "prepare", "adapt", "embed", "run", "report"}
    assert not list(folder.rglob("*.tmp"))
    assert results(folder).keys() >= {n for n in before if not n.startswith("cache")}


MOUNT = 'mount --bind "$PWD" "$PWD" && mount -o remount,bind,ro "$PWD" && cd "$PWD" && exec "$@"'


def read_only(folder: Path, *command: str) -> subprocess.CompletedProcess:
    """Run a command in a folder that nobody can write to, root included (Linux namespaces)."""
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", MOUNT, "sh", *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["check", "prepare", "compare"])
def test_a_read_only_folder_is_told_in_one_line(whole, stage):
    if not shutil.which("unshare") or read_only(whole[0], "true").returncode:
        pytest.skip("this machine lets nobody mount")
    done = read_only(whole[0], sys.executable, "-m", "replication", stage)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("error: ")
    assert "Read-only file system; make it writable" in done.stderr
