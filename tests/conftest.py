"""Fixtures that several folders share."""

import gc
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import ready_python
from filelock import FileLock
from hypothesis import settings

# The same examples every time, however busy the machine: `--hypothesis-profile default` looks for
# new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

os.environ.setdefault("TQDM_DISABLE", "1")  # read when tqdm is imported

# The files that take longest, longest first: a long one that begins last leaves the others idle.
LONG = (
    "test_study", "test_interruption", "test_verify", "test_chromium", "test_malformed",
    "test_architectures", "test_local", "test_processes", "test_launch", "test_resume",
    "test_dvc_experiments_run", "test_page", "test_where_time_goes", "test_gguf",
    "test_preflight", "test_paper_models", "test_fetch", "test_dvc_state", "test_compare",
    "test_params", "test_experiment", "test_text", "test_entrypoint", "test_tuned_parts",
    "test_hub", "test_step_operations", "test_pages", "test_frozen_start", "test_adapt",
    "test_cost_page", "test_dvc_guard", "test_results", "test_pickled", "test_trials",
    "test_figures", "test_cached_states", "test_clusters", "test_copies", "test_plan",
)  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Several workers share one server, which gets ready while they collect. Until all is
    collected, hardly anything is garbage, and to look for it takes seconds."""
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        ready_python.share()
    else:
        gc.disable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those of `LONG` come first, the others after them as they were."""
    place = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONG)))


def pytest_collection_finish() -> None:
    """Modules and tests stay to the end; no search for garbage needs to pass through them again."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def once(tmp_path_factory) -> Callable[[str, Callable[[Path], None]], Path]:
    """`once(name, make)`: a folder that `make` fills once for all workers; none may change it."""
    base = tmp_path_factory.getbasetemp()
    common = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name: str, make: Callable[[Path], None]) -> Path:
        folder, done = common / name, common / f"{name}.made"
        with FileLock(f"{folder}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of one that failed
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def made_project(once) -> Path:
    """One tiny project, as `write_project` has made it: tests work in copies of it."""

    def make(folder: Path) -> None:
        from tiny_study import write_project

        with pytest.MonkeyPatch.context() as patch:
            write_project(folder, patch)

    return once("made_project", make)


@pytest.fixture(scope="session")
def project_folder(made_project, tmp_path_factory) -> Path:
    """One copy for the whole session."""
    return shutil.copytree(made_project, tmp_path_factory.mktemp("tiny") / "project")


@pytest.fixture
def project(project_folder, monkeypatch) -> Path:
    """The tiny project as working directory; tests must not change its inputs."""
    monkeypatch.chdir(project_folder)
    return project_folder


@pytest.fixture
def counted_once(monkeypatch) -> None:
    """A run counts the operations of a step of its own, a third of the time that a tiny one takes:
    once for each set of parameters."""
    import json

    from replication.experiment import run
    from replication.study.params import as_mapping

    count = run.operations_a_sample

    def counted(model, impressions, params, precision):
        sizes = [sum(p.numel() for p in model.parameters()), len(impressions), precision]
        key = json.dumps([as_mapping(params), sizes], sort_keys=True)
        if key not in _COUNTED:
            _COUNTED[key] = count(model, impressions, params, precision)
        return _COUNTED[key]

    monkeypatch.setattr(run, "operations_a_sample", counted)


_COUNTED: dict[str, float] = {}


@pytest.fixture
def params(project):
    """The tiny project's parameters: protocol clean, NRMS, minilm with two tuned layers."""
    from replication.study.params import load_params

    return load_params()


@pytest.fixture
def data(project):
    """The tiny project's prepared data."""
    from replication.mind.columns.prepared import load_prepared
    from replication.study import paths

    return load_prepared(paths.PREPARED)
