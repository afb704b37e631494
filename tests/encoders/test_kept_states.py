"""Hidden states that are kept: one for each key and kind of machine, made once, gone on with."""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event

import numpy as np
import pytest
from small import LIMIT, TITLES

from replication.encoders.models import states
from replication.encoders.models.states import cached_states, load_transformer, write_states
from replication.encoders.tokens import piece_ids
from replication.machine import environment
from replication.mind.columns.ragged import Ragged


@pytest.fixture
def checkpoints(folders, tmp_path, monkeypatch):
    """Two checkpoints under their names in the working directory, as stage `checkpoint` leaves."""
    monkeypatch.chdir(tmp_path)
    for name, digest in (("one", "aa"), ("two", "bb"), ("same", "aa")):
        folder = tmp_path / "checkpoints" / name
        folder.mkdir(parents=True)
        for file in folders["bert"].iterdir():
            (folder / file.name).symlink_to(file)
        text = json.dumps({"sha256": {"model.safetensors": digest}})
        (folder / "source.json").write_text(text, encoding="utf-8")
    return tmp_path / "checkpoints"


def test_cached_states_are_computed_once_for_each_key(checkpoints, monkeypatch):
    calls = []

    def counted(*arguments, **options):
        calls.append(arguments)
        write_states(*arguments, **options)

    monkeypatch.setattr(states, "write_states", counted)
    tokens = piece_ids(TITLES, checkpoints / "one", LIMIT)
    fewer = tokens.take(np.arange(3))
    recut = Ragged(tokens.values, np.array([0, tokens.offsets[-1]]))  # same values, other rows

    def wanted(name="one", depth=1, tokens=tokens, length=None, precision="fp32", last=None):
        return cached_states(checkpoints / name, depth, tokens, length, precision, "test", last)

    first = wanted()
    assert isinstance(first, np.memmap)
    np.testing.assert_array_equal(wanted(), first)
    wanted(name="same")  # the same bytes under another name
    assert len(calls) == 1
    for number, change in enumerate(
        (
            {"name": "two"},
            {"depth": 2},
            {"tokens": fewer},
            {"tokens": recut},
            {"length": LIMIT},
            {"precision": "bf16"},
            {"last": 2},
        ),
        start=2,
    ):
        wanted(**change)
        assert len(calls) == number, change
        wanted(**change)
        assert len(calls) == number, change


def test_each_kind_of_machine_has_states_of_its_own(checkpoints, monkeypatch):
    """On one file system, nodes of two kinds do not take turns in replacing each other's."""
    tokens = piece_ids(TITLES, checkpoints / "one", LIMIT)
    wanted = partial(cached_states, checkpoints / "one", 1, tokens, None, "fp32", "test")
    made = []
    monkeypatch.setattr(
        states, "write_states", lambda *a, **o: (made.append(a), write_states(*a, **o))
    )
    for threads in (1, 2, 1, 2):
        monkeypatch.setattr(environment, "computing", lambda n=threads: {"threads": n})
        wanted()
    assert len(made) == 2 and len(list(states.paths.STATES.iterdir())) == 2


def test_of_two_that_want_the_same_states_one_makes_them(checkpoints, monkeypatch, capfd):
    tokens = piece_ids(TITLES, checkpoints / "one", LIMIT)
    wanted = partial(cached_states, checkpoints / "one", 1, tokens, None, "fp32", "test")
    begun, go_on, made = Event(), Event(), []

    def held(*arguments, **options):
        made.append(arguments)
        begun.set()
        assert go_on.wait(30)
        write_states(*arguments, **options)

    monkeypatch.setattr(states, "write_states", held)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(wanted)
        assert begun.wait(30)
        second = pool.submit(wanted)
        told = ""
        while "waiting" not in told:  # the second has seen the first
            told += capfd.readouterr().err
        go_on.set()
        np.testing.assert_array_equal(first.result(), second.result())
    assert len(made) == 1


class Killed(BaseException):
    pass


@pytest.fixture
def articles(monkeypatch):
    """Numbers of articles that go through the model; `articles.kill` kills before so many."""

    class Articles(list):
        kill = None

    done = Articles()
    load = load_transformer

    def loaded(*arguments, **options):
        model = load(*arguments, **options)

        def count(_, inputs):
            if sum(done) == done.kill:
                raise Killed
            done.append(len(inputs[0]))

        model.register_forward_pre_hook(count)
        return model

    monkeypatch.setattr(states, "load_transformer", loaded)
    monkeypatch.setattr(states, "of_texts", lambda *_: 0.0)  # which runs three texts more
    monkeypatch.setattr(states, "TOKENS_PER_BATCH", 1)  # an article at a time
    monkeypatch.setattr(states, "SAVE_EVERY", 0)
    return done


@pytest.mark.parametrize("options", [{}, {"length": LIMIT}, {"last": 2}])
def test_states_that_were_cut_off_are_gone_on_with(checkpoints, articles, monkeypatch, options):
    tokens = piece_ids(TITLES, checkpoints / "one", LIMIT)
    options = {"length": None, "last": None} | options

    def wanted():
        return cached_states(checkpoints / "one", 1, tokens, **options, precision="fp32", label="")

    with monkeypatch.context() as patch:
        patch.chdir(checkpoints.parent)
        patch.setattr(states.paths, "STATES", checkpoints.parent / "other")
        whole = np.array(wanted())
    for kill in (0, 3, 4):
        articles.clear()
        articles.kill = kill
        with pytest.raises(Killed):
            wanted()
        # What was left is not taken for whole, and takes one place however often it is left.
        left = [p.name for p in states.paths.STATES.iterdir()]
        assert len(left) == bool(kill) and all(name.endswith(".tmp") for name in left)
    articles.clear()
    articles.kill = None
    np.testing.assert_array_equal(wanted(), whole)
    assert sum(articles) == len(tokens) - 7  # three and four were kept
    (folder,) = states.paths.STATES.iterdir()
    assert sorted(p.name for p in folder.iterdir()) == ["key.json", "made.json", "states.npy"]


def test_states_of_something_else_are_not_gone_on_with(checkpoints, articles, monkeypatch):
    tokens = piece_ids(TITLES, checkpoints / "one", LIMIT)
    articles.kill = 3
    with pytest.raises(Killed):
        cached_states(checkpoints / "one", 1, tokens, None, "fp32", "test")
    articles.clear()
    articles.kill = None
    monkeypatch.setattr(environment, "code_digest", lambda *_: "other code")
    cached_states(checkpoints / "one", 1, tokens, None, "fp32", "test")
    assert sum(articles) == len(tokens)
    assert not [p for p in states.paths.STATES.iterdir() if p.name.endswith(".tmp")]
