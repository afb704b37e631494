"""A tiny study that DVC can run, and the commands of its user."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import ready_python
from ruamel.yaml import YAML
from tiny_study import ROOT

STAGES = ("grid@nrms-minilm-frozen-clean-s1", "grid@nrms-minilm-finetuned-clean-s1", "baselines")


def command(
    folder: Path, *words: str, new: bool = False, **environment: str
) -> subprocess.CompletedProcess:
    """Run `python -m ...` in a folder; one thread, for the runs are tiny.

    new: in a new interpreter, and so are the stages that it starts: the seed of its hashes is not
    that of the recorded study
    """
    python, path = sys.executable, os.environ["PATH"]
    if not new:
        python, path = ready_python.python(), ready_python.path()
    return subprocess.run(
        [python, "-m", *words],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PATH": path, **environment},
        capture_output=True,
        text=True,
    )


def repro(folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        ["dvc", "repro", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PATH": ready_python.path()},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def change_params(folder: Path, **changes) -> None:
    """Other values at the top of params.yaml; of a mapping, the keys that are given."""
    yaml, path = YAML(typ="safe", pure=True), folder / "params.yaml"
    params = yaml.load(path.read_text(encoding="utf-8"))
    for key, value in changes.items():
        params[key] = {**params[key], **value} if isinstance(value, dict) else value
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(params, file)


def write_study(made_project: Path, folder: Path) -> None:
    """A project over a folder of its own data; nothing is run."""
    shutil.copytree(made_project, folder, dirs_exist_ok=True)
    (folder / "data/raw").rename(folder / "mine")
    (folder / "vectors").mkdir()
    shutil.copy(folder / "checkpoints/static/vectors.txt", folder / "vectors")
    for name in ("data", "checkpoints", "embeddings"):
        shutil.rmtree(folder / name)
    no_caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "replication", folder / "replication", ignore=no_caches)
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder)
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text("[core]\n    no_scm = true\n", encoding="utf-8")
    encoders = YAML(typ="safe", pure=True).load((folder / "params.yaml").read_text())["encoders"]
    encoders["static"]["name"] = "vectors"
    change_params(
        folder, profile="local", data={"path": "mine"}, encoders=encoders, tuning="finetuned"
    )
