"""Processes as the environment tells of them: which is the first, and what is amiss."""

from datetime import timedelta

import numpy as np
import pytest

from replication.__main__ import main
from replication.files.errors import StudyError
from replication.machine import processes


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("samples", [1, 2, 4, 7])
def test_shares_are_all_samples_once_and_weigh_as_many(monkeypatch, count, samples):
    losses, total, seen = np.arange(1.0, samples + 1), 0.0, []
    monkeypatch.setenv("WORLD_SIZE", str(count))
    for rank in range(count):
        monkeypatch.setenv("RANK", str(rank))
        rows, weight = processes.share(samples)
        assert rows  # each has to take part
        seen += rows if weight else []
        total += weight * losses[rows].mean() / count
    assert sorted(seen) == list(range(samples))
    assert total == pytest.approx(losses.mean())


def test_a_world_without_a_rank_is_nobodys(monkeypatch):
    """Schedulers set one without the other for processes that are alone."""
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert processes.count() == 1 and processes.is_first()


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"RANK": ""}, "RANK: '' is not accepted"),
        ({"RANK": "one"}, "RANK: 'one' is not accepted"),
        ({"RANK": "1"}, "WORLD_SIZE: is not set"),
        ({"RANK": "0", "WORLD_SIZE": "two"}, "WORLD_SIZE: 'two' is not accepted"),
        ({"RANK": "2", "WORLD_SIZE": "2"}, "RANK: '2' is not accepted"),
        ({"RANK": "0", "WORLD_SIZE": "0"}, "RANK: '0' is not accepted"),
        ({"RANK": "0", "WORLD_SIZE": "2"}, "LOCAL_RANK: is not set"),
        ({"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}, "MASTER_PORT: is not set"),
        ({"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_PORT": "1"}, "MASTER_ADDR:"),
    ],
)
def test_half_an_environment_is_told_before_any_work(inputs, monkeypatch, capsys, variables, named):
    """Such as a RANK that has stayed from other work; nothing waits, nothing is left unwritten."""
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(inputs)
    for command in (["embed", "static"], ["check"]):
        assert main(command) == 1
        errors = capsys.readouterr().err
        assert errors.startswith(f"error: {named}") and errors.count("\n") == 1
        assert "unset RANK" in errors


@pytest.fixture
def checked(inputs):
    """A folder in which stage `check` finds what data.path names."""
    (inputs / "replication/mind/demo").mkdir(parents=True, exist_ok=True)
    return inputs


def test_number_0_of_one_is_alone(checked, monkeypatch):
    for name, value in {"RANK": "0", "WORLD_SIZE": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(checked)
    assert main(["check"]) == 0
    monkeypatch.delenv("WORLD_SIZE")
    assert main(["check"]) == 0


def test_a_command_that_is_not_shared_ends_well_in_each_process(checked, monkeypatch):
    world = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_PORT": "1"}
    for name, value in (world | {"MASTER_ADDR": "localhost"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(checked)
    assert main(["check"]) == 0


@pytest.mark.slow
def test_one_that_waits_in_vain_says_so_and_ends_with_a_line(monkeypatch, capsys):
    world = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_PORT": "1"}
    for name, value in (world | {"MASTER_ADDR": "localhost"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(processes, "PATIENCE", timedelta(seconds=2))
    monkeypatch.setattr(processes, "SOON", 0.1)
    with pytest.raises(StudyError, match=r"process 1 of 2 .* not at localhost:1 .* unset RANK"):
        processes.join()
    assert "process 1 of 2 (RANK, WORLD_SIZE) waits for" in capsys.readouterr().err
