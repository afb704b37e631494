"""The fixture of the benchmarks, and what their JSON tells of machine, code and failures.

A benchmark is `bench_*.py`, run when it is named: `make bench`, or
`python -m pytest tests/benchmarks/bench_NAME.py --benchmark-json=FILE`.
"""

import functools
import time
from pathlib import Path
from typing import Any

import pytest
from measuring import measured
from wording import without_folders

_STARTED = time.perf_counter()
_NOT_MEASURED: list[dict[str, str]] = []  # benchmarks that were skipped or failed, and why


@pytest.fixture(scope="session")
def mind_small(tmp_path_factory) -> Path:
    """A folder with `raw` files of MIND-small's shape, and what stage prepare makes of them."""
    from mind_files import write_mind

    from replication.mind.prepare import prepare

    folder = tmp_path_factory.mktemp("mind")
    write_mind(folder / "raw")
    prepare(folder / "raw", folder / "prepared")
    return folder


@pytest.fixture
def measure(benchmark):
    """`measuring.measured` for this test's `benchmark`; once a test."""
    return functools.partial(measured, benchmark)


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """What can change a figure, and nothing that tells whose machine it is."""
    import torch

    from replication.machine import environment
    from replication.machine.precision import resolve_precision

    machine_info.clear()
    machine_info.update(environment.hardware())
    machine_info["threads"] = torch.get_num_threads()
    machine_info["bf16"] = resolve_precision("auto") == "bf16"
    machine_info["libraries"] = environment.libraries()


def pytest_benchmark_update_commit_info(commit_info: dict[str, Any]) -> None:
    """The commit alone: no branch, no folder."""
    from replication.machine.git import git_commit

    commit_info.clear()
    commit_info.update(git_commit())


def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    """Without the time of each round; with the benchmarks that gave no figure, and the seconds of
    the whole run."""
    for benchmark in output_json["benchmarks"]:
        del benchmark["params"]  # objects with their addresses; `param` has their names
        benchmark["stats"].pop("data", None)
    output_json["not_measured"] = _NOT_MEASURED
    output_json["seconds"] = time.perf_counter() - _STARTED


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _note(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    _note(report)


def _note(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.outcome == "passed":
        return
    if isinstance(report.longrepr, tuple):  # where a test was skipped, and why
        reason = report.longrepr[2].removeprefix("Skipped: ")
    else:
        crash = getattr(report.longrepr, "reprcrash", None)
        reason = crash.message if crash else str(report.longrepr).splitlines()[-1].lstrip("E ")
    _NOT_MEASURED.append(
        {
            "fullname": report.nodeid,
            "outcome": report.outcome,
            "reason": without_folders(reason.splitlines()[0]),
        }
    )
