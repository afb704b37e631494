"""Studies that several files of this folder read."""

from dataclasses import replace
from pathlib import Path

import pytest
from invented_study import project, write_audit, write_data, write_runs

from replication.paper.compare import compare
from replication.report.study import Study, read_study
from replication.report.write import write_report
from replication.study.params import Params, load_params


def small(params: Params) -> Params:
    """With few replicates, to be quick."""
    return replace(params, evaluation=replace(params.evaluation, bootstrap_samples=40))


@pytest.fixture(scope="session")
def finished_folder(tmp_path_factory) -> Path:
    """A demo study with every run made, compared and reported; tests must not change it."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        params = small(project(folder, patch))
        write_data(ceiling=True)
        write_runs(params)
        write_audit(params)
        compare(params)
        write_report(params)
    return folder


@pytest.fixture
def finished(finished_folder, monkeypatch) -> Study:
    """What was read of it; its folder is the working directory."""
    monkeypatch.chdir(finished_folder)
    return read_study(small(load_params()))


@pytest.fixture
def started(tmp_path, monkeypatch) -> Params:
    """A demo study with data and references, and no run."""
    params = small(project(tmp_path, monkeypatch))
    write_data()
    return params
