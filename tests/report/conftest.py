"""Studies that several files of this folder read."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from invented_study import ROOT, project, write_audit, write_data, write_runs

from replication.paper.compare import compare
from replication.report.study import Study, read_study
from replication.report.write import write_report
from replication.study.params import Params, load_params


def quick(params: Params) -> Params:
    """With few replicates."""
    return replace(params, evaluation=replace(params.evaluation, bootstrap_samples=40))


@pytest.fixture(scope="session")
def finished_folder(once) -> Path:
    """A demo study with every run made, compared and reported; tests must not change it."""

    def make(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            params = quick(project(folder, patch))
            write_data(ceiling=True)
            write_runs(params)
            write_audit(params)
            compare(params)
            write_report(params)

    return once("finished", make)


@pytest.fixture
def finished(finished_folder, monkeypatch) -> Study:
    """What was read of it; its folder is the working directory."""
    monkeypatch.chdir(finished_folder)
    return read_study(quick(load_params()))


@pytest.fixture
def started(tmp_path, monkeypatch) -> Params:
    """A demo study with data and references, and no run."""
    params = quick(project(tmp_path, monkeypatch))
    write_data()
    return params


@pytest.fixture(scope="session")
def composed(tmp_path_factory) -> Callable[[str], Path]:
    """The parameters of a profile, made once; beside them stands conf/."""
    from dvc.utils.hydra import compose_and_dump

    folder = tmp_path_factory.mktemp("composed")
    shutil.copytree(ROOT / "conf", folder / "conf")

    def made(profile: str) -> Path:
        path, conf = folder / f"{profile}.yaml", str(folder / "conf")
        if not path.exists():
            chosen = [f"profile={profile}"]
            compose_and_dump(str(path), conf, None, "config", f"{conf}/protocol", chosen)
        return path

    return made


@pytest.fixture
def small(composed, tmp_path, monkeypatch) -> Params:
    """Profile mind-small in a folder where nothing has been run."""
    monkeypatch.chdir(tmp_path)
    path = composed("mind-small")
    Path("conf").symlink_to(path.parent / "conf")
    return load_params(path)
