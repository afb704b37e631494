"""Which runs a place has, what is drawn for them, and files that do not go together."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from planted import Planted, planted_params, with_sweep

from replication.files.atomic import write_json
from replication.files.errors import StudyError
from replication.paper.cells import read_grid, read_json, read_sweep
from replication.paper.evidence import Evidence, Place


@pytest.fixture
def params(tmp_path, monkeypatch):
    return planted_params(tmp_path, monkeypatch, models=["glove", "bert-base"])


def read(params) -> Evidence:
    return Evidence(params, read_grid(params), read_sweep(params))


def same(cell, clicks) -> float:
    return 0.65


def test_a_model_is_found_at_the_grids_depth_whatever_the_sweep_has(params):
    swept = with_sweep(params)
    own = Place("nrms", "my-bert-base", "finetuned", "clean", 4)
    for grid, sweep in ((read_grid(swept), read_sweep(swept)), (read_grid(swept), [])):
        assert Evidence(swept, grid, sweep).find("nrms", "bert-base", "finetuned", "clean") == own
    evidence = read(swept)
    assert [p.layers for p in evidence.sweep if p.recommender == "nrms"] == [0, 2, 4, 6, 8, 10, 12]
    assert [cell.seed for cell in evidence.cells[own]] == [1, 2]  # not twice
    assert all(place.layers in (None, 4) for place in evidence.grid)


def test_what_stands_in_a_models_place_is_told_by_depth_and_width(params):
    assert read(params).stand_ins(["glove", "bert-base", "llama-3.1-8b"]) == {}
    shallow = replace(params.encoders["my-bert-base"], layers=6)
    expected = {"glove": "my-glove", "bert-base": "my-bert-base"}
    for words in ({"width": 384}, {"name": "some/table.zip"}):
        glove = replace(params.encoders["my-glove"], **words)
        changed = {"my-bert-base": shallow, "my-glove": glove}
        other = replace(params, encoders=params.encoders | changed)
        assert read(other).stand_ins(["glove", "bert-base"]) == expected


def test_a_model_that_the_study_lacks_is_not_found(params):
    evidence = read(params)
    assert evidence.find("nrms", "roberta-base", "frozen", "clean") is None
    assert evidence.find("nrms", "bert-base", "frozen", "released") is None
    # The sweep alone does not make a cell of the grid.
    alone = replace(params, grid=replace(params.grid, tunings=("frozen",)))
    assert read(with_sweep(alone)).find("nrms", "bert-base", "finetuned", "clean") is None


def test_two_adapters_of_one_model_are_refused(tmp_path, monkeypatch):
    params = planted_params(tmp_path, monkeypatch, models=["llama-3.1-8b"])
    adapters = params.adapters | {"another": params.adapters["my-lora"]}
    grid = replace(params.grid, llms=(*params.grid.llms, "another"))
    with pytest.raises(StudyError, match=r"grid\.llms: .*my-lora.*another.*finetuned form"):
        read(replace(params, adapters=adapters, grid=grid))


def test_coverage_counts_runs_and_names_the_commands_of_the_rest(params):
    planted = Planted(params, impressions=40)
    cells = read_grid(params)
    planted.write_cell(cells[0], planted.run(0.6))
    evidence = read(params)
    place = evidence.grid[0]
    assert evidence.coverage([place]) == evidence.coverage([place, place]) == (1, 2)
    assert evidence.missing([place]) == ["dvc repro grid@naml-my-glove-frozen-clean-s2"]
    assert evidence.values(place, "auc").shape == (1, 40)


def test_means_and_groups_are_those_of_the_files(params):
    planted = Planted(params, impressions=60)
    planted.write(same)
    evidence = read(params)
    place = evidence.grid[3]
    frames = [pl.read_parquet(cell.per_impression) for cell in evidence.cells[place]]
    both = pl.concat(frames)
    assert evidence.mean(place, "mrr") == pytest.approx(both["mrr"].mean())
    of_group = both.filter(pl.col("group") == 2)["auc"].mean()
    assert evidence.mean(place, "auc", 2) == pytest.approx(of_group)
    few, many = (
        both.filter(pl.col("history_length") <= 5),
        both.filter(pl.col("history_length") > 5),
    )
    assert evidence.mean(place, "auc", "at_most_5") == pytest.approx(few["auc"].mean())
    assert evidence.mean(place, "auc", "more_than_5") == pytest.approx(many["auc"].mean())


def test_undefined_impressions_are_left_out_and_never_zero(params):
    planted = Planted(params, impressions=30)
    for cell in read_grid(params):
        metrics = planted.run(0.6)
        metrics["auc"][[0, 7]] = np.nan
        metrics["mrr"][:] = np.nan
        planted.write_cell(cell, metrics)
    evidence = read(params)
    place = evidence.grid[0]
    values = evidence.values(place, "auc")
    assert np.isnan(values[:, [0, 7]]).all() and np.isnan(values).sum() == 4
    assert evidence.mean(place, "auc") == pytest.approx(np.nanmean(values))
    assert evidence.mean(place, "mrr") is None
    assert np.isnan(evidence.replicates("clean", "mrr", None)[place]).all()


def test_identical_runs_differ_by_nothing_in_every_replicate(params):
    planted = Planted(params, impressions=50)
    metrics = planted.run(0.6)
    for cell in read_grid(params):
        planted.write_cell(cell, metrics)
    for group in (None, 1, "more_than_5"):
        a, b, *_ = read(params).replicates("clean", "auc", group).values()
        assert np.ptp(a) > 0 and np.abs(a - b).max() < 1e-12


def test_a_place_draws_the_same_seeds_and_impressions_for_every_group(params):
    """Two seeds, far apart, no other noise: what a replicate adds is the same in all groups."""
    planted = Planted(params, impressions=50)
    evidence = planted.evidence(same)
    levels = {cell.name: np.full(50, float(cell.seed)) for cell in read_grid(params)}
    evidence._column = lambda cell, metric: levels[cell.name]
    place = evidence.grid[0]
    draws = [evidence.replicates("clean", "auc", g)[place] for g in (None, 1, 5)]
    assert np.median(draws[0]) == pytest.approx(1.5, abs=0.2) and np.ptp(draws[0]) > 1
    for other in draws[1:]:
        np.testing.assert_allclose(other, draws[0], atol=1e-9)


def test_resampling_covers_the_groups_and_their_contrast(params):
    """The spread of a group's replicates is its standard error, and groups are independent."""
    params = replace(
        params,
        evaluation=replace(params.evaluation, bootstrap_samples=2000),
        grid=replace(params.grid, seeds=(1,)),
    )
    evidence = Planted(params, impressions=400).evidence(same).naive
    place = evidence.grid[0]
    one, two = (evidence.replicates("clean", "auc", g)[place] for g in (1, 2))
    values = evidence.values(place, "auc")[:, evidence.inside("clean", 1)]
    error = values.mean(axis=0).std(ddof=1) / np.sqrt(values.shape[1])
    assert one.std() == pytest.approx(error, rel=0.15)
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.1


@pytest.mark.parametrize(
    ("column", "told"),
    [("impression_id", "its impressions are not"), ("group", "its groups of users are not")],
)
def test_runs_on_other_data_are_named(params, column, told):
    planted = Planted(params, impressions=40)
    planted.write(same)
    cell = read_grid(params)[5]
    frame = pl.read_parquet(cell.per_impression)
    frame.with_columns(pl.col(column).reverse()).write_parquet(cell.per_impression)
    with pytest.raises(StudyError, match=told) as error:
        read(params).replicates("clean", "auc", None)
    assert str(cell.per_impression) in str(error.value) and cell.command in str(error.value)


def test_a_table_of_another_run_than_the_metrics_is_named(params):
    planted = Planted(params, impressions=40)
    planted.write(same)
    cell = read_grid(params)[0]
    path = cell.folder / "metrics.json"
    write_json(path, read_json(path) | {"auc": 0.5})
    evidence = read(params)
    with pytest.raises(StudyError, match=r"metrics\.json says 0\.5: they are of different runs"):
        evidence.mean(evidence.grid[0], "auc")


def test_a_missing_table_names_its_command(params):
    planted = Planted(params, impressions=40)
    planted.write(same)
    cell = read_grid(params)[0]
    cell.per_impression.unlink()
    evidence = read(params)
    with pytest.raises(StudyError, match=f"no such file; run `{cell.command}`"):
        evidence.mean(evidence.grid[0], "auc")


def test_models_go_by_size_in_the_papers_names():
    params = SimpleNamespace(
        paper={"bert-base": "b", "glove": "a"}, registry={},
        evaluation=SimpleNamespace(bootstrap_samples=1),
    )  # fmt: skip
    assert Evidence(params, []).models() == ["glove", "bert-base"]
