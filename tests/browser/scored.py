"""Per-impression scores made by hand for runs of a project folder, and recorded in its dvc.lock."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import polars as pl

from replication.evaluation.metrics import METRICS

FROZEN, TUNED = "nrms-minilm-frozen-clean-s1", "nrms-minilm-finetuned-clean-s1"


def scores(folder: Path, run: str, seed: int) -> pl.DataFrame:
    """Random scores whose means are those of the run's metrics.json."""
    metrics = json.loads((folder / f"reports/runs/{run}/metrics.json").read_text())
    rng, numbers = np.random.default_rng(seed), np.arange(metrics["impressions"])
    data = {
        "impression_id": numbers,
        "user": (numbers % 7).astype(np.int32),
        "history_length": (numbers % 11).astype(np.int32),
    }
    noise = {name: rng.normal(0, 0.3, len(numbers)) for name in METRICS}
    return pl.DataFrame(data | {name: v - v.mean() + metrics[name] for name, v in noise.items()})


def record(folder: Path, run: str, frame: pl.DataFrame) -> Path:
    """Write the scores where the run's stage does, and their digest where DVC does."""
    path = folder / f"runs/grid/{run}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path)
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    lock = (folder / "dvc.lock").read_text(encoding="utf-8")
    entry = rf"(path: runs/grid/{run}\.parquet\n +hash: md5\n +md5: )\w+(\n +size: )\d+"
    lock, count = re.subn(entry, rf"\g<1>{md5}\g<2>{path.stat().st_size}", lock)
    assert count, f"dvc.lock records no scores of {run}"
    (folder / "dvc.lock").write_text(lock, encoding="utf-8")
    return path
