"""Whole studies with a planted truth, written as the runs would write them, without training.

Every run scores the same impressions: noise, mostly shared by all runs, plus a lift of the clicked
article. Its size makes the expected AUC of an impression what the test asks for.
"""

import copy
import functools
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import norm

from replication.evaluation.clusters import clusters_of
from replication.evaluation.cold_start import cold_start, user_groups
from replication.evaluation.metrics import METRICS, impression_metrics, summarise
from replication.experiment.flips import audit_runs
from replication.experiment.record import clicks, save_impressions
from replication.files.atomic import write_json
from replication.files.documents import read_yaml
from replication.mind.columns.prepared import Impressions
from replication.mind.columns.ragged import Ragged, save_array
from replication.paper.cells import Cell, read_grid, read_parts, read_sweep
from replication.paper.evidence import Evidence
from replication.paper.models import MODELS
from replication.study import paths
from replication.study.params import Params, load_params

ROOT = Path(__file__).parents[2]
LAYERS = {  # of the paper's eight language models
    "glove": 0, "bert-tiny": 2, "bert-mini": 4, "bert-small": 4, "bert-medium": 8, "bert-base": 12,
    "roberta-base": 12, "llama-3.1-8b": 32,
}  # fmt: skip
FOUR = ("glove", "bert-tiny", "bert-base", "llama-3.1-8b")
CANDIDATES = 10
OWN = 0.3  # standard deviation of a run's own noise; the shared one makes the sum 1

Truth = Callable[[Cell, np.ndarray], Any]  # cell, clicks (I,) -> expected AUC, number or (I,)


def own(model: str) -> str:
    """Our encoder for one of the paper's models; no stage of DVC's may have a dot in its name."""
    return f"my-{model.replace('.', '-')}"


def counted(cell: Cell) -> dict[str, float]:
    """The parameters of a run, by which models are sorted: ten times as many at each of the
    paper's steps in size."""
    rank = {own(model): rank for rank, model in enumerate(MODELS)}
    return {"parameters": 10.0 ** (1 + rank[cell.encoder])}


def planted_params(
    folder: Path,
    monkeypatch,
    models: Sequence[str] = FOUR,
    recommenders: Sequence[str] = ("naml", "nrms", "lstur"),
    seeds: Sequence[int] = (1, 2),
    **grid: Any,
) -> Params:
    """Parameters of a study of some of the paper's models, each by an encoder named `my-...`.

    `folder` becomes the working directory. Profile `mind-small`, so that verdicts are evidence.
    """
    monkeypatch.chdir(folder)
    shutil.copytree(ROOT / "conf", "conf")
    values = copy.deepcopy(_committed())
    families = {"glove": "words", "llama-3.1-8b": "causal"}
    values["encoders"] = {
        own(model): {
            "family": families.get(model, "transformer"),
            **{"source": "folder", "name": model, "layers": layers},
            "width": MODELS[model].width,
            "finetune_layers": 0 if model in families else min(4, layers),
        }
        for model, layers in LAYERS.items()
    }
    [adapter] = values["adapters"].values()
    values["adapters"] = {"my-lora": adapter | {"base": "my-llama-3-1-8b"}}
    llms = ["my-llama-3-1-8b", "my-lora"] if "llama-3.1-8b" in models else []
    values["grid"] |= {
        "recommenders": list(recommenders),
        "encoders": [own(model) for model in models if model != "llama-3.1-8b"],
        "llms": llms,
        "seeds": [f"s{seed}" for seed in seeds],
        "also": {},
        **grid,
    }
    values["sweep"] = {"encoder": "my-bert-base", "layers": [], "protocol": "clean"}
    values["audit"] |= {"pairs": {}}
    values["paper"] = {model: own(model) for model in models}
    values |= {"profile": "mind-small", "encoder": "my-bert-base", "finetune_layers": 4}
    values["evaluation"]["bootstrap_samples"] = 200
    Path("params.yaml").write_text(json.dumps(values), encoding="utf-8")  # JSON is YAML
    return load_params()


@functools.cache
def _committed() -> dict[str, Any]:
    return read_yaml(ROOT / "params.yaml")


def with_sweep(params: Params, layers: Sequence[int] = (0, 2, 6, 8, 10, 12)) -> Params:
    return replace(params, sweep=replace(params.sweep, layers=tuple(layers)))


@dataclass
class Planted:
    """Impressions with 1 click among 10, and noise; users with histories of 0 to about 100 clicks.

    seed_sd: how much the AUC of a run deviates by its seed, in all impressions alike.
    """

    params: Params
    impressions: int = 800
    seed: int = 0
    seed_sd: float = 0.0

    def __post_init__(self):
        self.rng = rng = np.random.default_rng(self.seed)
        count, users = self.impressions, self.impressions // 2
        lengths = np.minimum(rng.geometric(1 / 25, users) - 1, 100)
        row = rng.integers(0, users, count)
        histories = Ragged.from_lengths(
            rng.integers(1, 500, lengths.sum()).astype(np.int32), lengths
        )
        labels = np.zeros((count, CANDIDATES), np.int8)
        labels[np.arange(count), rng.integers(0, CANDIDATES, count)] = 1
        shown = rng.integers(1, 500, count * CANDIDATES).astype(np.int32)
        self.data = Impressions(
            impression_id=np.arange(1, count + 1),
            user=(row + 1).astype(np.int32),
            time=np.zeros(count, np.int64),
            history_row=row.astype(np.int32),
            user_of_history=np.arange(1, users + 1, dtype=np.int32),
            histories=histories,
            candidates=Ragged.from_lengths(shown, np.full(count, CANDIDATES)),
            labels=labels.ravel(),
        )
        self.clicks = clicks(self.data)
        self.groups = user_groups(self.data, "users", self.params.history)
        self.shared = rng.normal(scale=np.sqrt(1 - OWN**2), size=labels.shape)
        self.prepared = False

    def run(self, auc: Any) -> dict[str, np.ndarray]:
        """Metrics per impression of a run whose expected AUC is `auc`, a number or (I,)."""
        auc = np.broadcast_to(auc, (self.impressions,)) + self.rng.normal(scale=self.seed_sd)
        lift = np.sqrt(2) * norm.ppf(np.clip(auc, 0.01, 0.99))
        scores = self.shared + self.rng.normal(scale=OWN, size=self.shared.shape)
        labels = self.data.labels.reshape(scores.shape)
        scores = scores + lift[:, None] * labels
        return impression_metrics(scores.ravel(), self.data.labels, self.data.candidates.offsets)

    def write_prepared(self) -> None:
        """Of the prepared data, what tells users and clicked articles; once."""
        if self.prepared:
            return
        self.prepared = True
        folder = paths.PREPARED / "test"
        folder.mkdir(parents=True, exist_ok=True)
        self.data.candidates.save(folder, "candidates")
        for name in ("impression_id", "user", "labels"):
            save_array(folder / f"{name}.npy", getattr(self.data, name))

    @functools.cached_property
    def cold(self) -> dict[str, Any]:
        """cold_start.json, of which counts alone are read: they are alike in all runs."""
        users, none = np.asarray(self.data.user), np.full(self.impressions, np.nan)
        metrics = dict.fromkeys(METRICS, none)
        return {"rule": "users", **cold_start(metrics, self.clicks, self.groups, users, 2, 1)}

    def write(self, truth: Truth, costs=lambda cell: {}, search=lambda cell: []) -> None:
        """Every run of grid and sweep, its files included."""
        self.write_prepared()
        cells = {c.name: c for c in (*read_grid(self.params), *read_sweep(self.params))}
        for cell in cells.values():
            self.write_cell(cell, self.run(truth(cell, self.clicks)), costs(cell), search(cell))

    def write_cell(
        self, cell: Cell, metrics: dict[str, np.ndarray], cost: dict | None = None, search=()
    ) -> None:
        self.write_prepared()
        write_json(cell.folder / "metrics.json", summarise(metrics))
        write_json(cell.folder / "cold_start.json", self.cold)
        usual = {
            "trainable_parameters": 10, "seconds_a_sample": 1.0, "peak_memory_mib": 5.0,
            "peak_gpu_memory_mib": None, "reads_embeddings": False, **counted(cell),
        }  # fmt: skip
        write_json(cell.folder / "cost.json", usual | (cost or {}))
        run = {
            "hardware": {"processor": "a processor", "gpu": None},
            "training": {"search": list(search), "samples": 100},
        }
        write_json(cell.folder / "run.json", run)
        save_impressions(cell.per_impression, self.data, self.clicks, self.groups, metrics)

    def write_audit(self, name: str, truth: Callable[[str, str, str], float]) -> None:
        """One pair's audit; truth: base, deviation, tuning -> expected AUC."""
        self.write_prepared()
        runs, columns = {}, {}
        every = replace(self.params, audit=replace(self.params.audit, deviations=None))
        for one in audit_runs(every, name):
            known = None
            if not one.untouched:
                twin = f"{one.base}@{one.cell.seed}/{one.tuning}"
                planted = self.run(truth(one.base, one.flip, one.tuning))["auc"]
                known = columns[one.key] = columns[twin] if one.again else planted
            runs[one.key] = {
                "base": one.base,
                "deviation": one.flip,
                "tuning": one.tuning,
                "seed": one.cell.seed,
                "recommender": one.cell.recommender,
                "encoder": one.cell.encoder,
                "untouched": one.untouched,
                "auc": None if known is None or np.isnan(known).all() else float(known.mean()),
                "seconds": None if known is None else 1.0,
            }
        table = paths.IMPRESSIONS / "audit" / f"{name}.parquet"
        table.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(columns).fill_nan(None).write_parquet(table)
        write_json(paths.AUDIT / f"{name}.json", {"pair": name, "runs": runs})

    def evidence(self, truth: Truth) -> Evidence:
        """The same without files: only AUC is planted."""
        found = {}

        def ran(cells: list[Cell]) -> list[Cell]:
            for cell in cells:
                if cell.name not in found:
                    found[cell.name] = self.run(truth(cell, self.clicks))["auc"]
            return [
                replace(cell, metrics={"auc": found[cell.name].mean()}, cost=counted(cell))
                for cell in cells
            ]

        every = (ran(read(self.params)) for read in (read_grid, read_sweep, read_parts))
        evidence = Evidence(self.params, *every)
        evidence._column = lambda cell, metric: found[cell.name]
        evidence._grouping = lambda protocol: (self.groups, self.clicks)
        evidence.grouping = evidence._grouping
        evidence._found = clusters_of(self.data)
        return evidence


def flat(cell: Cell, clicks: np.ndarray) -> float:
    """A truth for `Planted`: all alike."""
    return 0.65
