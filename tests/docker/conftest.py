"""A container without Docker: its entry point as a process, over a DVC that notes its calls."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import ready_python

ROOT = Path(__file__).parents[2]
DRIVER = """
import shutil
import sys
from importlib import util
from pathlib import Path
spec = util.spec_from_file_location("entrypoint", sys.argv[1])
entrypoint = util.module_from_spec(spec)
spec.loader.exec_module(entrypoint)
entrypoint.OUT, entrypoint.CACHE, entrypoint.APP = map(Path, sys.argv[2:5])
entrypoint.leave_root = lambda: None
sys.executable = shutil.which("python")
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


def build(image: Path) -> None:
    for name in ("replication", "conf", "docker"):
        kept = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, image / name, ignore=kept)
    for name in ("app.py", "dvc.lock", "params.yaml", ".gitignore"):
        shutil.copy(ROOT / name, image)
    (image / "reports").mkdir()
    (image / "reports/REPORT.md").write_text("came with the image")
    subprocess.run(["sh", ROOT / "docker/repository", image], check=True)
    # Each container copies it: one file in place of hundreds.
    subprocess.run(["git", "repack", "-a", "-d", "--quiet"], cwd=image, check=True)
    (image / "replication/pipeline/grid/command.py").write_text(GRID)


class Container:
    """One image and its two mounted folders; call it as `docker run` is."""

    def __init__(self, folder: Path, image: Path):
        self.image, self.out, self.cache = image, folder / "out", folder / "cache"
        self.calls, self.app = folder / "calls", folder / "app.port"
        for path in (self.out, self.cache, folder / "bin"):
            path.mkdir()
        for name in ("dvc", "streamlit", "grid"):
            fake = folder / "bin" / name
            fake.write_text(FAKE.format(python=sys.executable, calls=self.calls))
            fake.chmod(0o755)
        path = os.pathsep.join([str(folder / "bin"), ready_python.path()])
        self.environ = {**os.environ, "PATH": path, "PYTHONPATH": str(self.image)}

    def start(self, *words: str, **environ: str) -> subprocess.Popen:
        script = self.image / "docker/entrypoint.py"
        folders = map(str, (script, self.out, self.cache, self.app))
        command = [ready_python.python(), "-c", DRIVER, *folders, *words]
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
def container(tmp_path, once):
    """Over an image that all containers share; tests must not change it."""
    return Container(tmp_path, once("image", build))
