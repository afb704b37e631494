"""Project folders in every state that the results browser must bear, made of the committed one."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from replication.browser.workspace.digests import Disk
from replication.study import paths
from replication.study.shares import write_shares

ROOT = Path(__file__).parents[2]
RUN = "reports/runs/nrms-minilm-finetuned-clean-s1"  # the run that is damaged, where one is
# The grid's runs, an experiment each, for there is one seed; the sweep's others name their depth.
GRID = tuple(
    sorted(p.name for p in (ROOT / "reports/runs").iterdir() if not re.search(r"-k\d+-", p.name))
)
HOSTILE = "<img src=x onerror=alert(1)> **b** ![i](http://outside.invalid/i.png) :red[x] $x$"


def committed(folder: Path) -> None:
    """The committed study without what is too large for git."""
    for name in ("conf", "reports", "replication"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("params.yaml", "dvc.yaml", "dvc.lock", ".dvcignore"):
        shutil.copy(ROOT / name, folder)


def full(folder: Path) -> None:
    """The committed study, every stage up to date. The other states begin with a copy of it."""
    committed(folder)
    settle(folder)


def settle(folder: Path) -> None:
    """Make dvc.lock record the files as they are."""
    yaml = YAML()
    lock = yaml.load(folder / "dvc.lock")
    before = Path.cwd()
    os.chdir(folder)
    try:
        write_shares(paths.SETTINGS)
        disk = Disk({})
        for stage in lock["stages"].values():
            for entry in (*stage.get("deps", ()), *stage.get("outs", ())):
                if found := disk.digest(entry["path"]):
                    entry["md5"], entry["size"] = found.md5, found.size
        shutil.rmtree(paths.SETTINGS)  # not in git
    finally:
        os.chdir(before)
    yaml.dump(lock, folder / "dvc.lock")


def empty(folder: Path) -> None:
    """A fresh project: nothing has been run."""
    shutil.rmtree(folder / "reports")
    (folder / "dvc.lock").unlink()


def one_run(folder: Path) -> None:
    """One run of the grid, and nothing made of it yet."""
    for path in (folder / "reports").glob("*"):
        if path.name not in ("runs", "embeddings", "data.json"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in (folder / "reports/runs").glob("*"):
        if path != folder / RUN:
            shutil.rmtree(path)


def partial(folder: Path) -> None:
    """Three seeds are wanted, one is there."""
    _edit_params(folder, lambda params: params["grid"].update(seeds=["s1", "s2", "s3"]))


def stale(folder: Path) -> None:
    """Code of the recommenders and of the comparison was changed after the runs."""
    for name in ("recommenders/nrms.py", "paper/verdict.py"):
        with (folder / "replication" / name).open("a", encoding="utf-8") as file:
            file.write("# changed\n")


def running(folder: Path) -> None:
    """A stage is being run: DVC has removed its results and holds its outputs."""
    shutil.rmtree(folder / RUN)
    (folder / ".dvc/tmp").mkdir(parents=True)
    held = {
        str(folder / RUN): {"pid": os.getpid(), "cmd": "dvc repro"},
    }
    (folder / ".dvc/tmp/rwlock").write_text(json.dumps({"write": held}), encoding="utf-8")


def truncated(folder: Path) -> None:
    path = folder / RUN / "metrics.json"
    path.write_bytes(path.read_bytes()[:100])


def nan(folder: Path) -> None:
    _edit(folder / RUN / "metrics.json", lambda value: value.update(auc=float("nan")))


def text_metric(folder: Path) -> None:
    _edit(folder / RUN / "metrics.json", lambda value: value.update(auc="0.6"))


def damaged_comparison(folder: Path) -> None:
    for name in ("claims", "comparison"):
        (folder / f"reports/{name}.json").write_text('{"claims": [', encoding="utf-8")


def bad_lock(folder: Path) -> None:
    (folder / "dvc.lock").write_text("stages: [not a mapping\n", encoding="utf-8")


def bad_params(folder: Path) -> None:
    with (folder / "params.yaml").open("a", encoding="utf-8") as file:
        file.write("no_such_key: 1\n")


def hostile(folder: Path) -> None:
    """Texts that would be markup, images or scripts if they were not shown as text."""

    def edit_claims(value: dict[str, Any]) -> None:
        value["claims"][0]["statement"] = HOSTILE
        value["claims"][0]["verdicts"]["clean"]["reason"] = HOSTILE

    def edit_run(value: dict[str, Any]) -> None:
        value["hardware"]["processor"] = HOSTILE
        value["checkpoint"]["name"] = HOSTILE
        value["params"]["text"]["title_tokens"] = HOSTILE

    _edit(folder / "reports/claims.json", edit_claims)
    _edit(folder / RUN / "run.json", edit_run)
    settle(folder)


def _edit(path: Path, change: Callable[[Any], None]) -> None:
    value = json.loads(path.read_text(encoding="utf-8"))
    change(value)
    path.write_text(json.dumps(value), encoding="utf-8")


def _edit_params(folder: Path, change: Callable[[Any], None]) -> None:
    yaml = YAML()
    params = yaml.load(folder / "params.yaml")
    change(params)
    yaml.dump(params, folder / "params.yaml")


TREES: dict[str, Callable[[Path], None]] = {
    made.__name__: made
    for made in (
        full, empty, one_run, partial, stale, running, truncated, nan, text_metric,
        damaged_comparison, bad_lock, bad_params, hostile,
    )
}  # fmt: skip
