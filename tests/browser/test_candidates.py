"""Which runs can be chosen, under what keys, and which two stand for no choice."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from scored import FROZEN, TUNED

from replication.browser.content.candidates import candidates, default_pair
from replication.browser.reading.study import read_study
from replication.browser.workspace.dvc_experiments import DvcExperiment

SWEPT = "nrms-minilm-finetuned-k0-clean-s1"
TUNED_NAME = "NRMS, MiniLM, fine-tuned, 2 layers, clean, seed 1"


@pytest.fixture
def known(inside):
    """The candidates of a state's folder."""

    def of(state: str, *experiments: DvcExperiment):
        inside(state)
        return candidates(read_study().runs, experiments)

    return of


@pytest.fixture
def experiment(made_trees):
    folder = made_trees("full") / "reports/experiment"
    files = {path.name: path.read_bytes() for path in folder.glob("*.json")}
    when = datetime(2026, 1, 1, tzinfo=UTC)
    return DvcExperiment("bold-lynx", "ab" * 20, "cd" * 20, when, files, None, "dvc exp apply x")


def test_every_run_has_a_key_of_its_own(known):
    found = known("full")
    assert {FROZEN, TUNED, SWEPT, "experiment"} <= found.keys()
    assert all(key == candidate.key for key, candidate in found.items())
    assert found[SWEPT].label == "NRMS, MiniLM, fine-tuned, 0 layers, clean, seed 1"
    assert found["experiment"].description == TUNED_NAME
    adapted = found["naml-smollm2-lora-frozen-clean-s1"]
    assert adapted.description == "NAML, SmolLM2-LoRA, fine-tuned, clean, seed 1"
    assert len({candidate.label for candidate in found.values()}) == len(found)


def test_runs_and_experiments_of_one_name_are_told_apart(inside, experiment):
    inside("full")
    run = next(run for run in read_study().runs if run.name == FROZEN)
    swept = replace(run, cell=replace(run.cell, name=f"sweep/{FROZEN}"))
    other = replace(experiment, commit="ef" * 20)
    found = candidates([run, swept], [experiment, other])
    assert list(found) == [
        FROZEN, f"sweep/{FROZEN}", "exp:bold-lynx", "exp:bold-lynx@efefefefef",
    ]  # fmt: skip


def test_an_experiment_is_a_run_of_its_own_files(known, experiment, made_trees):
    found = known("full", experiment)["exp:bold-lynx"]
    assert found.state.word == "ready"
    at_hand = known("full")["experiment"].run.cell
    assert found.run.cell.metrics == at_hand.metrics
    assert found.run.cell.run == at_hand.run
    assert found.label == f"exp:bold-lynx: {TUNED_NAME}"


@pytest.mark.parametrize("text", [None, b"{", b'{"auc": NaN}', b"\xff", b"[]"])
def test_a_damaged_experiment_is_unreadable_with_its_reason(known, experiment, text):
    files = {name: t for name, t in experiment.files.items() if name != "metrics.json"}
    files |= {} if text is None else {"metrics.json": text}
    found = known("full", replace(experiment, files=files))["exp:bold-lynx"]
    assert found.state.word == "unreadable"
    assert "abababababab"[:10] + ":reports/experiment/metrics.json" in found.state.reason
    assert found.run.cell.metrics is None
    assert found.label.startswith("! unreadable: exp:bold-lynx")


def test_no_choice_is_a_frozen_run_and_its_finetuned_twin(known):
    found = known("full")
    a, b = (found[key].run.cell for key in default_pair(found))
    assert (a.tuning, b.tuning) == ("frozen", "finetuned")
    assert (a.recommender, a.encoder, a.seed) == (b.recommender, b.encoder, b.seed)


@pytest.mark.parametrize(
    "given, expected",
    [
        ((FROZEN, None), (FROZEN, TUNED)),
        ((TUNED, None), (TUNED, FROZEN)),
        ((None, TUNED), (FROZEN, TUNED)),
        ((None, FROZEN), (TUNED, FROZEN)),
        ((TUNED, "experiment"), (TUNED, "experiment")),
        ((TUNED, TUNED), (TUNED, TUNED)),
    ],
)
def test_what_is_open_becomes_the_other_half(known, given, expected):
    assert default_pair(known("full"), *given) == expected


def test_a_run_without_a_twin_is_set_beside_one_that_has_metrics(known):
    found = known("one_run")
    assert default_pair(found, SWEPT) == (SWEPT, TUNED)
    assert default_pair(found, TUNED) == (TUNED, FROZEN)


def test_fewer_than_two_runs(known):
    found = known("full")
    assert default_pair({}) == (None, None)
    assert default_pair({FROZEN: found[FROZEN]}) == (FROZEN, None)


def test_signs_and_words_of_what_is_not_ready(known):
    assert known("truncated")[TUNED].label == f"! unreadable: {TUNED_NAME}"
    assert known("empty")[TUNED].label == f"○ not run: {TUNED_NAME}"
    assert known("stale")[TUNED].label == f"↺ stale: {TUNED_NAME}"
    assert known("full")[TUNED].label == TUNED_NAME
