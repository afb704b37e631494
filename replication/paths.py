"""Every location the study reads or writes, relative to the project's folder."""

from pathlib import Path

PARAMS = Path("params.yaml")
PROTOCOLS = Path("conf/protocol")

CHECKED = Path("cache/params.checked")
RAW = Path("data/raw")
TRUTH = RAW / "truth.parquet"  # the demo corpus alone has it
PREPARED = Path("data/prepared")
CHECKPOINTS = Path("checkpoints")
EMBEDDINGS = Path("embeddings")
STATES = Path("cache/states")  # hidden states below a cut, made when first wanted
IMPRESSIONS = Path("runs")  # per-impression metrics, too large for git

REPORTS = Path("reports")
EXPERIMENT = REPORTS / "experiment"
RUNS = REPORTS / "runs"
BASELINES = REPORTS / "baselines.json"
DATA_CARD = REPORTS / "data.json"
