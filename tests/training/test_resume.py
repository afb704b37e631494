"""A run that is killed, at whatever batch, ends as if it had not been."""

import json
import re
from dataclasses import replace
from itertools import count, product
from pathlib import Path

import pytest
from tiny_study import change, with_schedule

from replication.experiment.run import auc_on_test, run, run_id
from replication.machine import environment
from replication.machine.saved_state import SavedState
from replication.recommenders import RECOMMENDERS
from replication.study import paths
from replication.study.parts import Lora
from replication.training import loop

pytestmark = pytest.mark.usefixtures("counted_once")

RUN = "replication.experiment.run"
STEPS = 5  # of a run; the second epoch begins at the fifth
KINDS = {"words": ("static", "finetuned"), "layers": ("minilm", "finetuned"),
         "frozen": ("minilm", "frozen")}  # fmt: skip


class Killed(BaseException):
    pass


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    """States in a folder of the test's own."""
    monkeypatch.setattr(paths, "TRAINING", tmp_path / "training")


@pytest.fixture
def batches(monkeypatch):
    """Counts batches; kills at the number set as `batches.kill`; saves after every `save_every`."""

    class Batches:
        trained = 0
        kill = None
        save_every = 1

    learn = loop.loss_of

    def counted(scores, batch):
        if Batches.trained == Batches.kill:
            raise Killed
        Batches.trained += 1
        return learn(scores, batch)

    monkeypatch.setattr(loop, "loss_of", counted)
    due = property(lambda _: Batches.trained % Batches.save_every == 0)
    monkeypatch.setattr(SavedState, "due", due)
    return Batches


def test_a_run_goes_on_from_what_an_audits_run_has_left(params, tmp_path, batches, monkeypatch):
    """Which looks at no selection AUC before its end, where that decides nothing."""
    params = with_schedule(params, max_steps=STEPS, evaluate_every=STEPS)
    run(params, tmp_path / "alone", tmp_path / "alone.parquet")

    def killed(*_):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(f"{RUN}.evaluate", killed)
        auc_on_test(params)
    assert batches.trained == 2 * STEPS
    run(params, tmp_path / "gone-on", tmp_path / "gone-on.parquet")
    assert batches.trained == 2 * STEPS + 1  # its last state is that before the last batch
    assert outcome(tmp_path / "gone-on") == outcome(tmp_path / "alone")
    found, of_impressions, _ = auc_on_test(params)
    told = json.loads((tmp_path / "alone/metrics.json").read_bytes())
    assert found == told["auc"] and len(of_impressions) == told["impressions"]


def cell(params, recommender: str, kind: str):
    encoder, tuning = KINDS[kind]
    return change(params, recommender=recommender, encoder=encoder, tuning=tuning)


def outcome(folder: Path) -> tuple:
    """All that a run writes, but for times and memory."""
    record = json.loads((folder / "run.json").read_bytes())
    return (
        (folder / "metrics.json").read_bytes(),
        (folder / "cold_start.json").read_bytes(),
        record["training"],
        record["seed"],
        folder.with_suffix(".parquet").read_bytes(),
    )


def run_in(folder: Path, params, beside: int = 0) -> tuple:
    """beside: states of other runs that are there"""
    run(params, folder, folder.with_suffix(".parquet"))
    assert len(list(paths.TRAINING.glob("*"))) == beside  # what is finished needs no state
    return outcome(folder)


def run_killed(folder: Path, params, batches, at: list[int]) -> tuple:
    """Run, killed at each of these batches in turn, counted anew each time; then to the end."""
    for batches.kill in at:
        batches.trained = 0
        with pytest.raises(Killed):
            run_in(folder, params)
        assert not folder.exists()
    batches.trained, batches.kill = 0, None
    return run_in(folder, params)


# In `make test` each recommender and each kind at least once.
QUICK = (("nrms", "words"), ("nrms", "layers"), ("nrms", "frozen"),
         ("naml", "words"), ("lstur", "frozen"))  # fmt: skip


@pytest.mark.parametrize(
    ("recommender", "kind"),
    [
        pytest.param(*cell, marks=() if cell in QUICK else pytest.mark.slow)
        for cell in product(RECOMMENDERS, KINDS)
    ],
)
def test_a_run_killed_at_every_batch_ends_the_same(params, tmp_path, batches, recommender, kind):
    """Before the first, then after each one that it had got further."""
    params = cell(params, recommender, kind)
    whole = run_in(tmp_path / "whole", params)
    assert batches.trained == STEPS
    kills = [0] + [1] * (STEPS - 1)
    assert run_killed(tmp_path / "killed", params, batches, kills) == whole
    assert batches.trained == 1  # and did nothing twice


@pytest.mark.slow
@pytest.mark.parametrize(("recommender", "kind"), list(product(RECOMMENDERS, KINDS)))
def test_a_run_killed_once_ends_the_same(params, tmp_path, batches, recommender, kind):
    params = cell(params, recommender, kind)
    whole = run_in(tmp_path / "whole", params)
    for kill in range(STEPS):
        killed = run_killed(tmp_path / f"at{kill}", params, batches, [kill])
        assert killed == whole, kill
        assert batches.trained == STEPS - kill  # and did nothing twice


@pytest.mark.slow
@pytest.mark.parametrize("part", ["lora", "bottom"])
def test_a_killed_run_of_another_part_ends_the_same(params, tmp_path, batches, part):
    lora = Lora(rank=2, alpha=4, dropout=0.2, encoder_learning_rate=0.01)
    params = change(cell(params, "nrms", "layers"), tuned_parts=part, lora=lora)
    whole = run_in(tmp_path / "whole", params)
    trained = json.loads((tmp_path / "whole/cost.json").read_bytes())["trainable_parameters"]
    assert run_killed(tmp_path / "killed", params, batches, [3]) == whole and trained
    top = run_in(tmp_path / "top", change(params, tuned_parts="top"))
    assert whole[0] != top[0]


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["minilm", "static"])
def test_a_killed_run_of_the_release_ends_the_same(params, tmp_path, batches, encoder):
    """Before and after the validation from which a PLM has dropout (D5), and with words that have
    drawn rows (D14)."""
    params = change(params, "released", encoder=encoder, seeded=True)
    whole = run_in(tmp_path / "whole", params)
    for kill in (1, 2, 3):
        assert run_killed(tmp_path / f"at{kill}", params, batches, [kill]) == whole, kill


def test_what_came_after_the_last_save_is_done_again(params, tmp_path, batches):
    whole = run_in(tmp_path / "whole", params)
    batches.save_every = 3
    assert run_killed(tmp_path / "killed", params, batches, [2, 4, 1]) == whole
    assert batches.trained == 2  # of five, three were kept


@pytest.mark.slow
def test_a_killed_search_ends_the_same(params, tmp_path, batches):
    """Trials that were finished are not run again, and their seconds count."""
    rates = {"learning_rate": (0.01, 0.1), "encoder_learning_rate": (0.01, 0.001)}
    params = with_schedule(params, search_steps=3, **rates)
    # The first batch is all trials', and training goes on from the best one.
    ends = [3, 5, 7, 9]
    every = ends[-1] + STEPS - 3
    whole = run_in(tmp_path / "whole", params)
    tried = [trial["selection_auc"] for trial in whole[2]["search"]]
    assert batches.trained == every and len(tried) == 4
    best_ends = ends[tried.index(max(tried))]
    for kill in range(1, every):
        folder = tmp_path / f"at{kill}"
        assert run_killed(folder, params, batches, [kill]) == whole, kill
        # A trial that ends with its last save is known by that state, evaluated already. Known in
        # the process alone are where the best one left off, whose batches are then done again, and
        # the first batch, where a trial is left to begin with it.
        lost = 3 if best_ends <= kill <= ends[-1] else 0
        lost += kill < ends[-2]
        assert batches.trained == every - kill + lost
        assert json.loads((folder / "cost.json").read_bytes())["search_seconds"] > 0
    assert run_killed(tmp_path / "often", params, batches, [4, 4, 4]) == whole


def test_patience_that_had_run_out_is_not_waited_for_again(params, tmp_path, batches, monkeypatch):
    params = with_schedule(params, evaluate_every=1, patience=2, learning_rate=0.0,
                           encoder_learning_rate=0.0)  # fmt: skip
    whole = run_in(tmp_path / "whole", params)
    assert whole[2]["steps"] == 3 and whole[2]["best_step"] == 1
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(f"{RUN}.bootstrap_ci", kill)
        run_in(tmp_path / "killed", params)
    batches.trained = 0
    assert run_in(tmp_path / "killed", params) == whole and batches.trained == 0


def kill(*_, **__):
    raise Killed


def test_an_unseeded_run_goes_on_with_the_seed_it_drew(params, tmp_path, batches):
    params = change(params, "released", encoder="static", tuning="frozen")
    batches.kill = 3
    with pytest.raises(Killed):
        run_in(tmp_path / "killed", params)
    (state,) = paths.TRAINING.iterdir()
    assert re.fullmatch(rf"{run_id(params)}-[0-9a-f]{{16}}\.safetensors", state.name)
    batches.kill = None
    killed = run_in(tmp_path / "killed", params)
    seeded = change(params, seeded=True, seed=killed[3])
    whole = run_in(tmp_path / "whole", seeded)
    assert whole[2:] == killed[2:]  # intervals follow the seed of the parameters
    assert run_in(tmp_path / "other", params)[3] != killed[3]


def test_costs_say_that_a_run_was_resumed(params, tmp_path, batches, monkeypatch):
    ticks = count()
    clock = lambda: next(ticks) * 10.0  # noqa: E731 - ten seconds at every look
    for module in ("replication.training.loop", "replication.training.progress"):
        monkeypatch.setattr(f"{module}.time.perf_counter", clock)
    run_in(tmp_path / "whole", params)
    run_killed(tmp_path / "killed", params, batches, [2, 1])
    whole, killed = (
        json.loads((tmp_path / name / "cost.json").read_bytes()) for name in ("whole", "killed")
    )
    assert (whole["resumed"], killed["resumed"]) == (0, 2)
    assert killed["training_seconds"] > 0.5 * whole["training_seconds"]
    assert killed["seconds"] >= killed["training_seconds"]


CHANGES = {
    "parameters": lambda p, _: with_schedule(p, learning_rate=0.02),
    "seed": lambda p, _: replace(p, seed=9),
    "code": lambda p, patch: patch.setattr(environment, "code_digest", lambda *_: "other") or p,
    "libraries": lambda p, patch: patch.setattr(environment, "libraries", dict) or p,
    "hardware": lambda p, patch: patch.setattr(environment, "hardware", dict) or p,
    "data": lambda p, patch: patch.setattr(f"{RUN}.load_prepared", other_data) or p,
}


def other_data(folder):
    from replication.mind.columns.prepared import load_prepared

    data = load_prepared(folder)
    return replace(data, meta={**data.meta, "sha256": {"train/news.tsv": "other"}})


@pytest.mark.slow
@pytest.mark.parametrize("changed", CHANGES)
def test_a_state_of_another_run_is_not_used(params, tmp_path, batches, monkeypatch, capfd, changed):
    batches.kill = 3
    with pytest.raises(Killed):
        run_in(tmp_path / "a", params)
    batches.trained, batches.kill = 0, None
    params = replace(params)
    params = CHANGES[changed](params, monkeypatch)
    run_in(tmp_path / "a", params, beside=1)  # which may go on yet
    assert batches.trained == STEPS
    lines = [x for x in capfd.readouterr().err.splitlines() if "starts over" in x]
    told = [] if changed == "seed" else ["of other parameters, data, code, libraries"]
    assert len(lines) == len(told)  # a run of another seed has another name
    assert all(words in line for words, line in zip(told, lines, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("rest", [0, 7, 1000, -1])
def test_a_damaged_state_is_not_used(params, tmp_path, batches, capfd, rest):
    whole = run_in(tmp_path / "whole", params)
    batches.trained, batches.kill = 0, 3
    with pytest.raises(Killed):
        run_in(tmp_path / "a", params)
    (state,) = paths.TRAINING.iterdir()
    state.write_bytes(state.read_bytes()[:rest])
    batches.trained, batches.kill = 0, None
    assert run_in(tmp_path / "a", params) == whole and batches.trained == STEPS
    lines = [x for x in capfd.readouterr().err.splitlines() if "starts over" in x]
    assert len(lines) == 1 and "damaged" in lines[0]
