"""Every location the study reads or writes, relative to the project's folder."""

import os
from pathlib import Path

PARAMS = Path("params.yaml")
PROTOCOLS = Path("conf/protocol")

SETTINGS = Path("cache/settings")  # of params.yaml, what one kind of stage reads
CODE = Path("cache/code")  # digests of the code that one kind of stage runs
RAW = Path("data/raw")
TRUTH = RAW / "truth.parquet"  # the demo corpus alone has it
PREPARED = Path("data/prepared")
CHECKPOINTS = Path("checkpoints")
EMBEDDINGS = Path("embeddings")
DOWNLOADS = Path("cache/downloads")  # large archives that one checkpoint is made of
STATES = Path("cache/states")  # hidden states below a cut, made when first wanted
LOCKS = Path("cache/locks")  # held by whoever makes such states
ADAPTING = Path("cache/adapt")  # states from which an interrupted LoRA run goes on
TRAINING = Path("cache/training")  # and those of recommenders
AUDIT_CACHE = Path("cache/audit")  # finished runs of an audit
GRID_LOGS = Path("cache/grid")  # what stages print that run at once
GRID_COPIES = GRID_LOGS / "copies"  # in which tasks of a cluster run
GRID_FINISHED = GRID_LOGS / "finished"  # marks of those that are done
GRID_SUBMITTED = GRID_LOGS / "submitted.json"  # which stage is which task
IMPRESSIONS = Path("runs")  # per-impression metrics, too large for git

REPORTS = Path("reports")
EXPERIMENT = REPORTS / "experiment"
RUNS = REPORTS / "runs"
AUDIT = REPORTS / "audit"
ADAPTERS = REPORTS / "adapters"  # what each adapter's training took
BASELINES = REPORTS / "baselines.json"
DATA_CARD = REPORTS / "data.json"
COMPARISON = REPORTS / "comparison.json"
METRICS = REPORTS / "metrics.json"  # of every run, by its id
CLAIMS = REPORTS / "claims.json"
INVENTORY = REPORTS / "inventory.json"


def download_folders() -> list[Path]:
    """Where archives that are here already are looked for: the study's own folder of downloads, and
    `downloads` beside the hub's cache (HF_HOME), which `python -m replication fetch` fills."""
    home = os.environ.get("HF_HOME")
    return [DOWNLOADS, *([Path(home) / "downloads"] if home else [])]
