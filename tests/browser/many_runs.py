"""A study of 270 runs: the committed one with nine seeds."""

import json
import shutil
from pathlib import Path

from ruamel.yaml import YAML
from trees import committed, settle

SEEDS = range(1, 10)  # of 30 experiments of the grid each


def many_runs(folder: Path) -> int:
    """Make the study in `folder`; returns the number of its runs in the grid.

    Metrics of the further seeds are the first one's, shifted a little; what `compare` makes of them
    is not there, as after a night of runs.
    """
    committed(folder)
    yaml = YAML()
    params = yaml.load(folder / "params.yaml")
    params["grid"]["seeds"] = [f"s{seed}" for seed in SEEDS]
    yaml.dump(params, folder / "params.yaml")
    lock = yaml.load(folder / "dvc.lock")
    kinds = ("grid@", "grid-llm@", "also@", "also-llm@")
    grid = [name for name in lock["stages"] if name.startswith(kinds)]
    for name in grid:
        first = folder / "reports/runs" / name.partition("@")[2]
        for seed in SEEDS[1:]:
            _copy_run(first, first.with_name(f"{first.name[:-1]}{seed}"), seed)
    for name in grid:
        for seed in SEEDS[1:]:
            # The stage's name, command and paths end in the seed, or hold it before a dot.
            text = json.dumps(lock["stages"][name]).replace('-s1"', f'-s{seed}"')
            text = text.replace("-s1.parquet", f"-s{seed}.parquet")
            stage = json.loads(text)
            stage["cmd"] = f"{stage['cmd'][:-1]}{seed}"
            lock["stages"][f"{name[:-1]}{seed}"] = stage
    yaml.dump(lock, folder / "dvc.lock")
    settle(folder)
    return len(grid) * len(SEEDS)


def _copy_run(first: Path, folder: Path, seed: int) -> None:
    shutil.copytree(first, folder)
    for name, change in (("metrics", {"auc": 1e-4 * seed}), ("run", {"seed": seed - 1})):
        value = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        for key, more in change.items():
            value[key] += more
        (folder / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
