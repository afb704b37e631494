"""Runs on a test split without clicks, which stage `prepare` refuses, yet whoever has prepared data
of an earlier version may have: the AUC is null, and told as undefined."""

import json
import shutil

import numpy as np
import polars as pl
import pytest
from tiny_study import change

from replication.__main__ import main
from replication.experiment.fitting import training_and_selection
from replication.files.errors import StudyError
from replication.mind.columns.prepared import load_prepared
from replication.mind.columns.ragged import save_array
from replication.study import paths
from replication.study.params import load_params


@pytest.fixture
def own(made_project, tmp_path, monkeypatch):
    """A copy of the tiny project, which becomes the working directory."""
    monkeypatch.chdir(shutil.copytree(made_project, tmp_path / "project"))


@pytest.fixture
def label(request, own):
    labels = paths.PREPARED / "test/labels.npy"
    count = len(np.load(labels))
    labels.unlink()
    save_array(labels, np.full(count, request.param, np.int8))


@pytest.mark.parametrize("label", [0, 1], indirect=True)
def test_a_run_without_an_auc_writes_null(label, capsys):
    assert main(["run", "nrms-static-frozen-clean-s1"]) == 0
    assert "nrms-static-frozen-clean-s1: AUC undefined, " in capsys.readouterr().out
    folder = paths.REPORTS / "runs/nrms-static-frozen-clean-s1"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["auc"] is None and metrics["ci95"]["auc"] is None
    assert metrics["undefined"]["auc"] == metrics["impressions"]
    for file in folder.iterdir():
        assert "NaN" not in file.read_text()
    frame = pl.read_parquet(paths.IMPRESSIONS / "grid/nrms-static-frozen-clean-s1.parquet")
    assert frame["auc"].null_count() == len(frame)


@pytest.mark.parametrize("label", [0], indirect=True)
def test_early_stopping_on_it_is_refused_before_training(label):
    params = change(load_params(), "released")
    with pytest.raises(StudyError, match=r"dev/behaviors\.tsv: no candidate .* early stopping"):
        training_and_selection(params, load_prepared(paths.PREPARED))


def test_a_last_day_without_a_click_is_named(own):
    data = load_prepared(paths.PREPARED)
    last = data.train.time // 86_400 == data.train.time.max() // 86_400
    labels = np.array(data.train.labels)
    labels[data.train.candidates.positions(last)] = 0
    path = paths.PREPARED / "train/labels.npy"
    path.unlink()
    save_array(path, labels)
    with pytest.raises(StudyError, match=r"train/behaviors\.tsv: its last day, 2019-11-11: no "):
        training_and_selection(load_params(), load_prepared(paths.PREPARED))
