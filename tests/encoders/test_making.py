"""What vectors cost: recorded by stage `embed` and beside cached states, for whoever reads them."""

import json
from pathlib import Path
from time import sleep

import pytest
from small import LAYERS, TEXTS, WIDTH

from replication.encoders.models.embed import embed
from replication.encoders.models.making import (
    MADE,
    Record,
    booked_elsewhere,
    making,
    states_cost,
    taken,
)
from replication.encoders.models.states import cached_states
from replication.encoders.sources.checkpoints import fetch_checkpoint
from replication.mind.columns.ragged import Ragged
from replication.study import paths


def operations(texts: int, tokens: int, inner: int, layers: int) -> int:
    """Of a BERT, by hand: q, k, v and out, there and back through the inner layer, attention."""
    of_tokens = 2 * tokens * (4 * WIDTH**2 + 2 * WIDTH * inner)
    return texts * layers * (of_tokens + 2 * 2 * tokens**2 * WIDTH)


def test_embedding_is_recorded_with_its_operations(params, folders):
    fetch_checkpoint("bert", params)
    embed("bert", params)
    found = json.loads(Path("reports/embeddings/bert.json").read_text())
    inner = json.loads((folders["bert"] / "config.json").read_text())["intermediate_size"]
    articles, expected = 1 + len(TEXTS), 0
    for field in ("title", "abstract"):
        # A batch holds all of so few, padded to the longest.
        longest = int(Ragged.load(Path("embeddings/bert"), field).lengths.max())
        expected += operations(articles, longest, inner, LAYERS)
    assert found["operations"] == pytest.approx(expected, rel=1e-9)
    assert found["articles"] == articles and found["seconds"] > 0 and found["processes"] == 1
    assert found["peak_memory_mib"] > 0 and set(found["hardware"]) >= {"processor", "gpu"}


def test_cached_states_cost_every_reader_what_their_making_took(params, folders):
    fetch_checkpoint("bert", params)
    embed("bert", params)
    tokens = Ragged.load(Path("embeddings/bert"), "title")
    wanted = (paths.CHECKPOINTS / "bert", 1, tokens, None, "fp32", "test")
    first = cached_states(*wanted)
    [folder] = {path.parent for path in paths.STATES.glob("*/states.npy")}
    cost, before = states_cost({folder}), making.elsewhere
    assert cost["states_seconds"] > 0
    inner = json.loads((folders["bert"] / "config.json").read_text())["intermediate_size"]
    by_hand = operations(len(tokens), int(tokens.lengths.max()), inner, 1)
    assert cost["states_operations"] == pytest.approx(by_hand, rel=1e-9)
    again = cached_states(*wanted)
    assert (first == again).all() and states_cost({folder}) == cost
    assert making.elsewhere > before  # the look into the cache is no cost of the run either
    assert states_cost(set()) == {"states_seconds": 0, "states_operations": 0}
    (folder / MADE).unlink()
    assert states_cost({folder}) == {"states_seconds": None, "states_operations": None}


def test_seconds_of_work_that_was_cut_off_count(tmp_path):
    with taken(9) as whole:
        record = Record(tmp_path / "done")
        sleep(0.05)
        record.save(4)
    with taken(9) as rest:
        again = Record(tmp_path / "done")
    assert again.articles == 4
    assert rest["seconds"] == pytest.approx(0.05, abs=0.04) and rest["seconds"] >= 0.05
    assert whole["articles"] == rest["articles"] == 9
    assert Record(None).articles == 0


def test_states_of_several_processes_count_for_each_device(tmp_path):
    for name, seconds, processes in (("a", 2.0, 3), ("b", 1.5, 1)):
        (tmp_path / name).mkdir()
        made = {"seconds": seconds, "processes": processes, "operations": 10.0, "articles": 1}
        (tmp_path / name / MADE).write_text(json.dumps(made))
    found = states_cost({tmp_path / "a", tmp_path / "b"})
    assert found == {"states_seconds": 7.5, "states_operations": 20.0}


def test_what_is_booked_elsewhere_is_no_cost_of_the_run(params):
    before = making.elsewhere
    with booked_elsewhere():
        sleep(0.02)
    assert making.elsewhere - before >= 0.02
