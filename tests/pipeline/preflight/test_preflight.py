"""`preflight` against a hub that serves, hides the commit, asks for a token, or is slow."""

import functools
import shutil
import time
from dataclasses import replace

import pytest
from standin_hub import TOKEN, StandIn
from web import serving

from replication.pipeline.preflight import machine
from replication.pipeline.preflight.preflight import preflight, text
from replication.pipeline.preflight.rows import Row
from replication.study.params import load_params

UNPLANNED = {"UNPLANNED": "1"}  # where the plan is not what a test is about
NOT_ASKED = "is not in the cache, and nobody was asked (offline)"


def table(done) -> dict[str, list[str]]:
    """The cells of the printed table by what a row is about."""
    assert "Traceback" not in done.stderr, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("| ")][2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in cells}


def stopping(done) -> list[str]:
    return [name for name, row in table(done).items() if row[-1].startswith("STOPS")]


def state(done, name: str) -> str:
    return table(done)[name][-1]


def downloads_that_stop(done) -> set[str]:
    return set(stopping(done)) - {"disk of the study", "disk of the hub's cache", "memory"}


@pytest.mark.slow
def test_a_hub_that_serves(project):
    done = project.run("preflight", HF_TOKEN=TOKEN)
    assert downloads_that_stop(done) == set(), done.stdout
    rows = table(done)
    for name in project.encoders:
        assert rows[name][-1] == "reachable"
    assert rows["MIND-small"][2:] == ["Microsoft Research License Terms", "reachable"]
    assert rows["llama-8b-instruct"][1:3] == ["16.1 GB", "Llama 3.1 Community License, gated"]
    assert rows["tokenizer of bert-tiny"][0] == f"{project.address}/google-bert/bert-base-uncased"
    assert rows["token of the hub"][-1] == "present" and TOKEN not in done.stdout + done.stderr
    asked = [path for path, _ in project.hub.asked if "/resolve/" in path]
    assert len(asked) == 9  # one question each, and nothing downloaded
    assert not (project.home / "hub").exists()


def test_without_a_token_the_gated_model_stands_first_with_its_remedy(project):
    done = project.run("preflight", **UNPLANNED)
    assert done.returncode == 1 and downloads_that_stop(done) == {"llama-8b-instruct"}
    assert "error: preflight: " in done.stderr and " would stop the study" in done.stderr
    before, _, _ = done.stdout.partition("| what")
    assert "It would stop:" in before and "- llama-8b-instruct: meta-llama/" in before
    assert "then set HF_TOKEN" in before and "'encoders=[published,llama-mirror]'" in before
    states = [row[-1] for row in table(done).values()]
    assert states == sorted(states, key=lambda s: not s.startswith("STOPS"))
    assert state(done, "token of the hub") == "none"


@pytest.mark.slow
def test_a_mirror_that_hides_the_commit(project):
    other = StandIn(project.hub.repositories)
    with serving(other.answer) as project.hub.mirror:
        done = project.run("preflight", HF_TOKEN=TOKEN, **UNPLANNED)
    assert not other.tokens  # which goes to the hub's host alone
    assert {"bert-tiny", "MIND-small", "roberta-base"} <= downloads_that_stop(done)
    assert f"HF_ENDPOINT is {project.address}, which does not say which commit" in done.stdout
    assert state(done, "glove") == "reachable"  # not of the hub


@pytest.mark.slow
def test_a_slow_hub_costs_its_patience_once(project):
    project.hub.delay = 30
    started = time.perf_counter()
    done = project.run("preflight", "--offline", **UNPLANNED)
    idle = time.perf_counter() - started
    done = project.run("preflight", HF_TOKEN=TOKEN, **UNPLANNED)
    assert time.perf_counter() - started < 2 * idle + 25
    assert {*project.encoders, "MIND-small"} <= downloads_that_stop(done)
    assert "could not be reached" in done.stdout


def test_an_endpoint_that_is_no_address(project):
    done = project.run("preflight", HF_ENDPOINT="mirror.example", HF_TOKEN=TOKEN, **UNPLANNED)
    assert "HF_ENDPOINT: 'mirror.example' is not an address" in done.stdout
    assert "bert-tiny" in stopping(done) and not [p for p, _ in project.hub.asked if "resolve" in p]


@pytest.mark.slow
def test_the_second_source_is_told_and_stops_nothing(project):
    project.hub.down = {"/datasets/someone/news/*"}
    done = project.run("preflight", HF_TOKEN=TOKEN, **UNPLANNED)
    assert state(done, "MIND-small") == "reachable"
    assert "Good to know" in done.stdout and "someone/news: " in done.stdout


@pytest.mark.slow
def test_offline_what_is_not_here_stops_and_nobody_is_asked(project, tmp_path):
    done = project.run("preflight", "--offline", **UNPLANNED)
    assert {*project.encoders, "MIND-small"} <= downloads_that_stop(done)
    assert NOT_ASKED in done.stdout and "replication fetch --profile mind-small" in done.stdout
    assert not project.hub.asked

    assert project.run("checkpoint", "bert-tiny").returncode == 0
    downloads = project.folder / "cache/downloads"
    shutil.copytree(tmp_path / "zips", downloads)
    (downloads / "glove.840B.300d.zip").write_bytes(b"here")
    done = project.run("preflight", "--offline", **UNPLANNED)
    assert state(done, "bert-tiny") == "made already"
    assert state(done, "MIND-small") == state(done, "glove") == "in the cache"
    shutil.rmtree(project.folder / "checkpoints")
    done = project.run("preflight", HF_HUB_OFFLINE="1", **UNPLANNED)
    assert state(done, "bert-tiny") == "in the cache"


@pytest.mark.slow
def test_too_little_disk_memory_and_packages_stop(project, monkeypatch):
    params = load_params()
    monkeypatch.setattr(machine, "plan", functools.cache(machine.plan))  # asked for three times
    usage = shutil.disk_usage("/")._replace(free=10**9)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(machine, "_memory", lambda: 1e9)
    monkeypatch.setattr(machine, "_gpu", lambda: None)
    monkeypatch.setattr(machine, "PACKAGES", ("torch", "no_such_package"))
    rows = {row.what: row for row in preflight(params, "mind-small", offline=True)}
    assert "1 GB free" in rows["disk of the study"].state and rows["disk of the study"].problem
    assert "on one core" in rows["time"].note and rows["memory"].problem
    assert rows["packages"].problem.startswith("no_such_package not installed: run `make setup`")
    monkeypatch.setattr(machine, "_gpu", lambda: ("a small GPU", 4e9))
    row = next(r for r in machine.machine_rows(params, "mind-small", 0) if "memory" in r.what)
    assert row.what == "memory of the GPU" and "a small GPU has 4 GB" in row.problem
    monkeypatch.setattr(machine, "_gpu", lambda: ("a large GPU", 80e9))
    row = next(r for r in machine.machine_rows(params, "mind-small", 0) if "memory" in r.what)
    assert row.problem is None


def test_what_four_bits_need(project, monkeypatch):
    params = load_params()
    name, entry = "llama-8b-instruct", params.encoders["llama-8b-instruct"]

    monkeypatch.setattr(machine, "plan", functools.cache(machine.plan))

    def rows(held, gpu, installed):
        monkeypatch.setattr(machine, "_gpu", lambda: gpu)
        monkeypatch.setattr(machine, "find_spec", lambda package: package in installed or None)
        changed = replace(params, encoders={**params.encoders, name: replace(entry, held=held)})
        return {row.what: row for row in machine.machine_rows(changed, "mind-small", 0)}

    others = {*machine.PACKAGES}
    found = rows(("nf4",), None, others)
    assert found["packages"].problem == "bitsandbytes not installed: run `pip install bitsandbytes`"
    assert found["time"].problem.startswith(f"encoders.{name}.held: nf4 needs a GPU")
    found = rows(("nf4",), ("a GPU", 80e9), {*others, "bitsandbytes"})
    assert found["packages"].problem is None and found["time"].problem is None
    assert rows((), ("a GPU", 80e9), others)["packages"].problem is None


def test_what_is_spread_need_not_fit_one_device(project, monkeypatch):
    params, name = load_params(), "llama-8b-instruct"
    spread = replace(params.encoders[name], held=("spread",))
    planned = machine.plan("mind-small", None)
    both = tuple(s for s in planned.stages if s.name in (f"embed@{name}", "embed@bert-base"))
    monkeypatch.setattr(machine, "plan", lambda *_: replace(planned, stages=both))
    monkeypatch.setattr(machine, "_gpu", lambda: ("a small GPU", 4e9))
    problems = []
    for entry in (params.encoders[name], spread):
        changed = replace(params, encoders={**params.encoders, name: entry})
        rows = {row.what: row for row in machine.machine_rows(changed, "mind-small", 0)}
        problems.append(rows["memory of the GPU"].problem)
    assert problems[0].startswith(f"embed@{name} needs ~15 GB") and problems[1] is None


def test_one_remedy_for_several_is_told_once():
    rows = [Row("a", "", 5e9, "MIT", "x", "do this"), Row("b", "", None, "", "x", "do this")]
    told = text([*rows, Row("c", "", 3e3, "", "fine", note="well")], "p")
    assert "- a, b: do this\n" in told and "5 GB" in told and "3 kB" in told and "- well" in told


def test_the_demo_needs_nothing_from_outside(project):
    done = project.run("preflight", "--profile", "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing that would stop it was found" in done.stdout and not project.hub.asked
