"""Cells are those that the stages make, and damaged files are told, never read as numbers."""

import functools
import itertools
import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from planted import ROOT, Planted, planted_params, with_sweep

from replication.files.documents import read_yaml
from replication.files.errors import StudyError
from replication.paper.cells import number, read_columns, read_grid, read_json, read_sweep
from replication.study import paths


@pytest.fixture
def params(tmp_path, monkeypatch):
    return planted_params(tmp_path, monkeypatch)


def test_cells_go_by_the_names_that_the_stages_give(tmp_path, monkeypatch):
    """The committed study: files and commands as dvc.yaml has them, filled in from params.yaml."""
    from replication.study.params import load_params

    planted_params(tmp_path, monkeypatch)
    params = load_params(ROOT / "params.yaml")
    stages, values = read_yaml(ROOT / "dvc.yaml")["stages"], read_yaml(ROOT / "params.yaml")

    def asked(values: dict, text: str):
        if not text.startswith("${"):
            return text
        return functools.reduce(dict.__getitem__, text[2:-1].split("."), values)

    cells = {cell.command: cell for cell in (*read_grid(params), *read_sweep(params))}
    expected = {}
    for stage in ("grid", "grid-llm", "also", "also-llm", "sweep"):
        lists = [
            [asked(values, part) for part in axis]
            if isinstance(axis, list)
            else asked(values, axis)
            for axis in stages[stage]["matrix"].values()
        ]
        assert stages[stage]["cmd"] == "python -m replication run ${key}"
        folder, table = next(iter(stages[stage]["plots"][0])), stages[stage]["outs"][0]
        for chosen in itertools.product(*lists):
            name = "-".join(chosen)
            expected[f"dvc repro {stage}@{name}"] = [
                text.replace("${key}", name) for text in (folder, table)
            ]
    assert {
        command: [str(cell.folder), str(cell.per_impression)] for command, cell in cells.items()
    } == expected


def test_runs_beside_the_grid_are_found_and_judged_like_the_grids(params):
    from replication.paper.evidence import Evidence
    from replication.study.grid import Also

    also = Also(
        recommenders=("nrms",),
        encoders=("my-bert-base",),
        tunings=("frozen", "finetuned"),
        llm_recommenders=("naml",),
        llms=("my-lora",),
        protocols=("released",),
    )
    params = replace(params, grid=replace(params.grid, also=also, seeds=(1,)))
    assert params.grid.every_protocol == ("clean", "released")
    beside = [cell for cell in read_grid(params) if cell.protocol == "released"]
    assert [cell.command.removeprefix("dvc repro ") for cell in beside] == [
        "also@nrms-my-bert-base-frozen-released-s1",
        "also@nrms-my-bert-base-finetuned-released-s1",
        "also-llm@naml-my-lora-frozen-released-s1",
    ]
    evidence = Evidence(params, read_grid(params))
    assert evidence.find("nrms", "bert-base", "finetuned", "released")
    assert evidence.find("naml", "bert-base", "finetuned", "released") is None
    assert params.grid.repeated == []
    twice = replace(also, protocols=("clean",))
    grid = replace(params.grid, also=twice)
    assert "nrms-my-bert-base-frozen-clean" in grid.repeated


def test_an_llm_and_its_adapter_are_one_encoder_in_two_tunings(params):
    places = {(c.name, c.encoder, c.tuning, c.layers) for c in read_grid(params) if c.seed == 1}
    for name, tuning in (("my-llama-3-1-8b", "frozen"), ("my-lora", "finetuned")):
        assert (f"runs/nrms-{name}-frozen-clean-s1", "my-llama-3-1-8b", tuning, None) in places


def test_only_tuned_layers_have_a_depth(params):
    depths = {(c.encoder, c.tuning): c.layers for c in read_grid(params)}
    assert depths["my-bert-base", "finetuned"] == 4
    assert depths["my-bert-tiny", "finetuned"] == 2
    assert [k for k, v in depths.items() if v is None] == [
        ("my-glove", "frozen"), ("my-glove", "finetuned"), ("my-bert-tiny", "frozen"),
        ("my-bert-base", "frozen"), ("my-llama-3-1-8b", "frozen"), ("my-llama-3-1-8b", "finetuned"),
    ]  # fmt: skip


@pytest.mark.parametrize("layers", [(0, 2, 6), (0, 2, 4, 6)])
def test_the_grids_own_depth_is_in_the_sweep_once(params, layers):
    cells = [c for c in read_sweep(with_sweep(params, layers)) if c.recommender == "nrms"]
    assert [(c.layers, c.seed) for c in cells] == [(k, s) for k in (0, 2, 4, 6) for s in (1, 2)]
    assert {c.name for c in cells if c.layers == 4} == {
        f"runs/nrms-my-bert-base-finetuned-clean-s{s}" for s in (1, 2)
    }


def test_word_vectors_that_train_are_no_depth(params):
    words = next(name for name in params.grid.encoders if not params.registry[name].layers)
    other = replace(params, sweep=replace(params.sweep, encoder=words, layers=()))
    assert read_sweep(other) == []


def test_a_sweep_under_another_protocol_stands_alone(params):
    other = replace(params, sweep=replace(params.sweep, layers=(0, 4), protocol="released"))
    assert {(c.layers, c.command.partition("@")[0]) for c in read_sweep(other)} == {
        (0, "dvc repro sweep"), (4, "dvc repro sweep"),
    }  # fmt: skip


def test_what_was_not_run_is_none_and_what_was_is_read(params):
    first, second = read_grid(params)[:2]
    planted = Planted(params, impressions=40)
    metrics = planted.run(0.6)
    planted.write_cell(first, metrics)
    found, absent = read_grid(params)[:2]
    assert found.metrics["auc"] == pytest.approx(metrics["auc"].mean())
    assert absent == second and absent.metrics is None and absent.cost is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"auc": 0.6', "not valid JSON"),
        ("[]", "JSON object"),
        ("{}", "auc: is missing"),
        ('{"auc": "0.6", "mrr": 0.3, "ndcg@5": 0.3, "ndcg@10": 0.3}', "'0.6' is not a finite"),
        ('{"auc": 0.6, "mrr": NaN, "ndcg@5": 0.3, "ndcg@10": 0.3}', "mrr: nan is not a finite"),
        ('{"auc": 0.6, "mrr": 0.3, "ndcg@5": true, "ndcg@10": 0.3}', "ndcg@5: True"),
        ("\x80", "not valid JSON"),
    ],
)
def test_a_damaged_file_is_named(params, text, told):
    cell = read_grid(params)[0]
    path = cell.folder / "metrics.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(StudyError, match=told) as error:
        read_grid(params)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_null_is_none_and_no_number():
    assert number(json.loads('{"auc": null}'), "auc", Path("x")) is None
    assert number({"auc": 0}, "auc", Path("x")) == 0.0
    assert read_json(paths.REPORTS / "nothing.json") is None


def test_a_damaged_table_is_named(tmp_path):
    path = tmp_path / "x.parquet"
    with pytest.raises(StudyError, match=r"x\.parquet: no such file; run `it`"):
        read_columns(path, ["auc"], "it")
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(StudyError, match=r"x\.parquet: not a Parquet file.*run `it`"):
        read_columns(path, ["auc"], "it")
    pl.DataFrame({"mrr": [1.0]}).write_parquet(path)
    with pytest.raises(StudyError, match=r"x\.parquet: .*auc.*run `it`") as error:
        read_columns(path, ["auc"], "it")
    assert "\n" not in str(error.value)
