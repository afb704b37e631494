"""Every location the study reads or writes, relative to the project's folder."""

import os
from pathlib import Path

PROJECT = "REPLICATION_PROJECT"  # a variable: the project that this folder is a copy of
WARM = "REPLICATION_WARM"  # a variable: the socket of a process that stages of the grid begin in
PARAMS = Path("params.yaml")
PROTOCOLS = Path("conf/protocol")

SETTINGS = Path("cache/settings")  # of params.yaml, what one kind of stage reads
SOURCE = Path("cache/source/data")  # a link to what data.path names, on which stage `data` depends
BESIDE = Path("cache/beside")  # links to what questions read of the study that they compare with
CODE = Path("cache/code")  # digests of the code that one kind of stage runs
RAW = Path("data/raw")
TRUTH = RAW / "truth.parquet"  # the demo corpus alone has it
PREPARED = Path("data/prepared")
CHECKPOINTS = Path("checkpoints")
EMBEDDINGS = Path("embeddings")
DOWNLOADS = Path("cache/downloads")  # large archives that one checkpoint is made of
STATES = Path("cache/states")  # hidden states below a cut, made when first wanted
STARTS = Path("cache/starts")  # of recommenders, from which tuning begins
LOCKS = Path("cache/locks")  # held by whoever makes these, or trains a run
ADAPTING = Path("cache/adapt")  # states from which an interrupted LoRA run goes on
TRAINING = Path("cache/training")  # and those of recommenders
AUDIT_CACHE = Path("cache/audit")  # finished runs of an audit
GRID_LOGS = Path("cache/grid")  # what stages print that run at once
GRID_COPIES = GRID_LOGS / "copies"  # in which tasks of a cluster run
GRID_FINISHED = GRID_LOGS / "finished"  # marks of those that are done
GRID_SUBMITTED = GRID_LOGS / "submitted.json"  # which stage is which task
IMPRESSIONS = Path("runs")  # per-impression metrics, too large for git
GRID_IMPRESSIONS = IMPRESSIONS / "grid"
AUDIT_IMPRESSIONS = IMPRESSIONS / "audit"

REPORTS = Path("reports")
EXPERIMENT = REPORTS / "experiment"
RUNS = REPORTS / "runs"
AUDIT = REPORTS / "audit"
ADAPTERS = REPORTS / "adapters"  # what each adapter's training took
EMBEDDING_COSTS = REPORTS / "embeddings"  # what embedding all articles by each encoder took
BASELINES = REPORTS / "baselines.json"
DATA_CARD = REPORTS / "data.json"
COMPARISON = REPORTS / "comparison.json"
METRICS = REPORTS / "metrics.json"  # of every run, by its id
CLAIMS = REPORTS / "claims.json"
QUESTIONS = REPORTS / "questions.json"
INVENTORY = REPORTS / "inventory.json"


def project() -> Path | None:
    """The project that the working directory is a copy of: as its maker names it (PROJECT), or
    where DVC puts those of `dvc exp run --temp` and `--queue`; None: it is no such copy."""
    if named := os.environ.get(PROJECT):
        return Path(named)
    above = Path.cwd().parents
    return next((p.parents[2] for p in above if p.parts[-3:] == (".dvc", "tmp", "exps")), None)


def given(text: str) -> Path:
    """Where a path of params.yaml leads: `~` is the user's home, and what is relative lies in the
    working directory or, where that is a copy without it, in the project."""
    path = Path(os.path.expanduser(text))  # noqa: PTH111 - which leaves the home of nobody alone
    origin = None if path.is_absolute() or path.exists() else project()
    return origin / path if origin and (origin / path).exists() else path


def where(path: Path) -> str:
    """What an error adds to a path of `given` where nothing lies."""
    return "" if path.is_absolute() else f", from {Path.cwd()}; an absolute path holds everywhere"


def download_folders() -> list[Path]:
    """Where archives that are here already are looked for: the study's own folder of downloads,
    that of the project which this is a copy of, and `downloads` beside the hub's cache (HF_HOME),
    which `python -m replication fetch` fills."""
    home, origin = os.environ.get("HF_HOME"), project()
    others = [origin / DOWNLOADS] if origin else []
    return [DOWNLOADS, *others, *([Path(home) / "downloads"] if home else [])]
