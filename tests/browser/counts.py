"""What the committed study holds: its stages by DVC, its runs by the names of their folders."""

import re
from typing import Any

import quick_yaml
from dvc.repo import Repo
from trees import ROOT


def _stages() -> dict[str, dict[str, Any]]:
    """Records of dvc.lock, without those of stages that dvc.yaml no longer has: DVC keeps them."""
    with Repo(str(ROOT)) as repo:
        asked = {stage.addressing for stage in repo.index.stages}
    recorded = quick_yaml.load((ROOT / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    return {name: record for name, record in recorded.items() if name in asked}


STAGES = _stages()
RUNS = sorted(path.name for path in (ROOT / "reports/runs").iterdir())
DEPTH = re.compile(r"-k(\d+)-")  # in the names of the layer sweep alone
SWEPT = [name for name in RUNS if DEPTH.search(name)]
GRID = [name for name in RUNS if name not in SWEPT]


def grid_of(recommender: str, protocol: str) -> list[str]:
    """Runs of the grid that are ranked among each other."""
    return [
        name
        for name in GRID
        if name.startswith(f"{recommender}-") and name.endswith(f"-{protocol}-s1")
    ]
