"""One experiment from end to end: what it writes, and that it can be repeated."""

import contextlib
import json
import math
import re
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from tiny_study import change
from transformers import AutoModel

from replication.encoders.sources.checkpoints import sha256
from replication.evaluation.metrics import METRICS, impression_metrics
from replication.experiment.fitting import build_recommender
from replication.experiment.run import run
from replication.files.atomic import write_json
from replication.files.errors import StudyError
from replication.study import paths
from replication.study.params import as_mapping, grid_cell, load_params
from replication.study.runs import run_id, run_named

pytestmark = pytest.mark.usefixtures("counted_once")

SECTIONS = ("metrics", "cold_start", "cost", "run")


def run_in(folder: Path, params) -> tuple[dict, pl.DataFrame]:
    """Run into `folder`; the four JSON files and the per-impression table."""
    run(params, folder, folder.with_suffix(".parquet"))
    assert sorted(p.name for p in folder.iterdir()) == [f"{s}.json" for s in sorted(SECTIONS)]
    assert not [p for p in folder.parent.iterdir() if p.name.endswith(".tmp")]
    files = {s: json.loads((folder / f"{s}.json").read_text(encoding="utf-8")) for s in SECTIONS}
    return files, pl.read_parquet(folder.with_suffix(".parquet"))


def test_what_a_run_writes(params, data, tmp_path):
    files, table = run_in(tmp_path / "a", params)
    n = len(data.test)

    metrics = files["metrics"]
    assert set(metrics) == {*METRICS, "impressions", "undefined", "tied_share", "ci95"}
    assert metrics["impressions"] == n and set(metrics["undefined"]) == set(METRICS)
    for name in METRICS:
        low, high = metrics["ci95"][name]
        assert 0 <= low <= metrics[name] <= high <= 1 and low < high

    assert table.columns == [
        *("impression_id", "user", "history_length", "group"), *METRICS, "tied", "scores",
    ]  # fmt: skip
    assert table["scores"].list.len().to_list() == data.test.candidates.lengths.tolist()
    ranked = impression_metrics(
        table["scores"].explode().to_numpy(), data.test.labels, data.test.candidates.offsets
    )
    assert ranked["auc"].tolist() == table["auc"].to_list()
    assert table["impression_id"].to_list() == data.test.impression_id.tolist()
    assert table["user"].to_list() == data.test.user.tolist()
    lines = (paths.RAW / "dev" / "behaviors.tsv").read_text(encoding="utf-8").splitlines()
    lengths = [len(line.split("\t")[3].split()) for line in lines]
    assert table["history_length"].to_list() == lengths and max(lengths) > params.history
    for name in METRICS:
        assert table[name].mean() == pytest.approx(metrics[name], abs=1e-9)

    cold = files["cold_start"]
    assert cold["rule"] == "users" and [g["group"] for g in cold["groups"]] == [1, 2, 3, 4, 5]
    for group in cold["groups"]:
        inside = table.filter(pl.col("group") == group["group"])
        assert group["impressions"] == len(inside)
        assert group["auc"] == (pytest.approx(inside["auc"].mean()) if len(inside) else None)
    assert sum(g["impressions"] for g in cold["groups"]) == n
    assert cold["at_most_5"]["impressions"] == sum(length <= 5 for length in lengths)

    cost = files["cost"]
    model = build_recommender(params, data)
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert cost["trainable_parameters"] == trainable < cost["parameters"]
    told = "seconds training_seconds articles_per_second peak_memory_mib"
    for name in (*told.split(), "operations_a_sample", "seconds_a_sample"):
        assert math.isfinite(cost[name]) and cost[name] > 0, name
    # It reads its own states below the cut, and not what stage `embed` made.
    assert cost["reads_embeddings"] is False
    assert cost["states_seconds"] > 0 and cost["states_operations"] > 0
    assert cost["training_seconds"] + cost["test_seconds"] <= cost["seconds"] + 0.02
    assert (cost["peak_gpu_memory_mib"] is None) == (not torch.cuda.is_available())

    record = files["run"]
    assert record["id"] == run_id(params) and record["seed"] == params.seed
    assert record["profile"] == params.profile and record["precision"] == "fp32"
    assert record["started"] <= record["ended"]
    assert set(record["git"]) >= {"commit", "changed"}
    # A wheel's metadata may leave out the build (+cpu, +cu130) that torch itself names.
    assert record["libraries"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert record["hardware"]["cores"] >= 1
    for file, digest in record["data_sha256"].items():
        assert digest == sha256(paths.RAW / file)
    assert set(record["data_sha256"]) == {
        f"{split}/{file}.tsv" for split in ("train", "dev") for file in ("news", "behaviors")
    }
    pinned = record["checkpoint"]["sha256"]
    assert set(pinned) >= {"config.json", "model.safetensors", "tokenizer.json"}
    for file, digest in pinned.items():
        assert digest == sha256(paths.CHECKPOINTS / "minilm" / file)

    kept = record["params"]
    assert kept["protocol"] == as_mapping(params.protocol) and kept["recommender"] == "nrms"
    assert list(kept["encoders"]) == ["minilm"]
    assert set(kept["training"]) == {"precision", "tuned_layers"} and "grid" not in kept

    training = record["training"]
    assert training["steps"] == 5 and [step for step, _, _ in training["curve"]] == [2, 4, 5]
    best = max(training["curve"], key=lambda point: point[2])
    assert training["best_step"] == best[0] and training["selection_auc"] == best[2]
    assert all(math.isfinite(x) for point in training["curve"] for x in point)


@pytest.mark.parametrize(
    "cell", ["lstur minilm finetuned", "nrms static finetuned", "naml minilm frozen"]
)
def test_d11_seeded_runs_agree_bit_for_bit(params, tmp_path, monkeypatch, cell):
    """Also where the first run makes hidden states that the second finds in the cache."""
    monkeypatch.setattr(paths, "STATES", tmp_path / "states")
    cell = dict(zip(("recommender", "encoder", "tuning"), cell.split(), strict=True))
    params = change(params, "clean", **cell)
    names = ("a", "b", "c")
    seeds = (1, 1, 2)
    runs = [
        run_in(tmp_path / name, change(params, seed=seed))
        for name, seed in zip(names, seeds, strict=True)
    ]
    texts = [(tmp_path / name / "metrics.json").read_bytes() for name in names]
    assert texts[0] == texts[1] and texts[0] != texts[2]
    assert runs[0][1].equals(runs[1][1], null_equal=True)
    assert not runs[0][1].equals(runs[2][1], null_equal=True)
    curves = [files["run"]["training"]["curve"] for files, _ in runs]
    assert curves[0] == curves[1] != curves[2]
    assert [files["run"]["seed"] for files, _ in runs] == list(seeds)


def test_d11_unseeded_runs_record_a_seed_and_differ(params, tmp_path):
    params = change(params, "clean", encoder="static", tuning="frozen", seeded=False)
    runs = [run_in(tmp_path / name, params)[0] for name in "ab"]
    seeds = [files["run"]["seed"] for files in runs]
    assert seeds[0] != seeds[1] and all(isinstance(seed, int) for seed in seeds)
    curves = [files["run"]["training"]["curve"] for files in runs]
    assert curves[0] != curves[1]
    # The seed that was recorded gives the same run again.
    again, _ = run_in(tmp_path / "c", change(params, seeded=True, seed=seeds[0]))
    assert again["run"]["training"]["curve"] == curves[0]


def test_a_run_that_fails_leaves_what_was_there(params, data, tmp_path, monkeypatch):
    run_in(tmp_path / "a", params)
    before = {p.name: p.read_bytes() for p in (tmp_path / "a").iterdir()}

    def fails(path, value):
        if path.name == "run.json":
            raise OSError("disk full")
        write_json(path, value)

    monkeypatch.setattr("replication.experiment.run.write_json", fails)
    with pytest.raises(OSError, match="disk full"):
        run(change(params, seed=9), tmp_path / "a", tmp_path / "a.parquet")
    assert {p.name: p.read_bytes() for p in (tmp_path / "a").iterdir()} == before


def test_run_ids(params):
    """The depth is left out where it is the encoder's own."""
    assert run_id(params) == "nrms-minilm-finetuned-clean-s1"
    assert run_id(change(params, tuning="frozen", seed=3)) == "nrms-minilm-frozen-clean-s3"
    assert run_id(change(params, finetune_layers=0)) == "nrms-minilm-finetuned-k0-clean-s1"
    words = change(params, recommender="lstur", encoder="static")
    assert run_id(words) == "lstur-static-finetuned-clean-s1"  # word vectors have no layers
    flipped = change(params, attention_masks=False)
    assert run_id(flipped) == "nrms-minilm-finetuned-clean~D4-s1"
    released = change(params, "released", recommender="naml")
    assert run_id(released) == "naml-minilm-finetuned-released-s1"
    cell = grid_cell(params, "naml", "minilm", "frozen", "clean", 7)
    assert run_id(cell) == "naml-minilm-frozen-clean-s7"
    parts = change(params, tuned_parts="lora")
    assert run_id(parts) == "nrms-minilm-finetuned-lora2-clean-s1"  # said, whatever the number
    for named in (params, released, cell, parts, change(params, finetune_layers=0)):
        assert run_named(run_id(named), params) == named


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nrms-minilm-frozen-clean", "no run can be called"),
        ("nrms-bert-frozen-clean-s1", "no run can be called"),
        ("nrms-minilm-frozen-dirty-s1", "no run can be called"),
        ("nrms-minilm-finetuned-k2-clean-s1", "is called 'nrms-minilm-finetuned-clean-s1'"),
        ("nrms-minilm-finetuned-k9-clean-s1", "0 to 3"),
        ("nrms-minilm-finetuned-bottom9-clean-s1", "0 to 3"),
        ("nrms-minilm-finetuned-layer0-clean-s1", "tuned_parts: layer: 1 to 3"),
        ("nrms-minilm-finetuned-top2-clean-s1", "no run can be called"),
    ],
)
def test_a_name_that_no_run_has(params, name, words):
    with pytest.raises(StudyError, match=words):
        run_named(name, params)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["clean", "released"])
@pytest.mark.parametrize("tuning", ["frozen", "finetuned"])
def test_parameters_count_the_whole_language_model_once(params, data, tmp_path, tuning, protocol):
    """However much of it is read from disk; NAML's second copy of what trains comes on top."""
    bert = AutoModel.from_pretrained(paths.CHECKPOINTS / "minilm", add_pooling_layer=False)
    whole = size(bert)
    for name in ("nrms", "naml"):
        cell = change(params, protocol, recommender=name, tuning=tuning)
        cost = run_in(tmp_path / name, cell)[0]["cost"]
        model = build_recommender(cell, data)
        copy = size(model.text["abstract"]) if name == "naml" else 0
        assert cost["parameters"] == size(model) - size(model.text) + whole + copy


def size(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


CELLS = list(product(("naml", "nrms", "lstur"), ("static", "minilm"), ("frozen", "finetuned")))


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["clean", "released"])
@pytest.mark.parametrize(("recommender", "encoder", "tuning"), CELLS)
def test_every_cell_runs(params, tmp_path, recommender, encoder, tuning, protocol):
    cell = grid_cell(params, recommender, encoder, tuning, protocol, seed=1)
    files, table = run_in(tmp_path / "a", cell)
    assert all(0 <= files["metrics"][name] <= 1 for name in METRICS)
    assert len(table) == files["metrics"]["impressions"] == 30
    assert files["run"]["training"]["steps"] == 5


@pytest.mark.slow
@pytest.mark.parametrize("layers", [0, 1, 3])
@pytest.mark.parametrize("protocol", ["clean", "released"])
def test_every_depth_runs(params, tmp_path, layers, protocol):
    run_in(tmp_path / "a", change(params, protocol, recommender="lstur", finetune_layers=layers))


FLIPS = {
    "D1": {"selection": "test"},
    "D2": {"history_order": "oldest"},
    "D3": {"gru_reads": "first_slots"},
    "D4": {"attention_masks": False},
    "D5": {"frozen_dropout": True, "encoder_dropout": "after_validation"},
    "D6": {"tune_embeddings": True},
    "D7": {"head": "by_tuning"},
    "D9": {"user_cache": "history"},
    "D11": {"seeded": False},
    "D12": {"negatives": 2, "negatives_drawn": "once"},
    "D16": {"last_batch": "dropped"},
}


@pytest.fixture(scope="module")
def plain(project_folder, tmp_path_factory) -> dict:
    """What the run finds in which no deviation is flipped."""
    with contextlib.chdir(project_folder):
        base = change(load_params(), "clean", recommender="lstur")
        return run_in(tmp_path_factory.mktemp("plain") / "a", base)[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", FLIPS)
def test_every_deviation_runs_alone(params, plain, tmp_path, name):
    """And changes the run: its loss curve, its test scores or its seed."""
    flipped = change(change(params, "clean", recommender="lstur"), **FLIPS[name])
    assert run_id(flipped).split("-")[3] == f"clean~{name}"
    other, table = run_in(tmp_path / "b", flipped)
    assert len(table) == 30
    assert plain["run"]["training"] != other["run"]["training"] or (
        plain["metrics"] != other["metrics"]
    )


@pytest.mark.slow
def test_bfloat16_runs(params, tmp_path):
    from dataclasses import replace

    for recommender in ("naml", "nrms", "lstur"):
        training = replace(params.training, precision="bf16")
        cell = replace(params, training=training, recommender=recommender)
        files, table = run_in(tmp_path / recommender, cell)
        assert files["run"]["precision"] == "bf16"
        assert np.isfinite(table.select(METRICS).drop_nulls().to_numpy()).all()


def test_files_are_strict_json(params, tmp_path):
    run_in(tmp_path / "a", params)
    for section in SECTIONS:
        text = (tmp_path / "a" / f"{section}.json").read_text(encoding="utf-8")
        assert text.endswith("}\n") and not re.search(r"\b(NaN|Infinity)\b", text)
