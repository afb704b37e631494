"""run.json: every digest and setting that two runs can differ by."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_study import ROOT, change, impressions_of

from replication.experiment.fitting import build_recommender
from replication.experiment.record import inputs, save_impressions
from replication.machine import environment
from replication.study import paths


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("changes", "states"),
    [
        ({"tuning": "frozen"}, "embeddings/minilm/title.states.npy"),
        ({"tuning": "finetuned"}, "cache/states/title"),
        ({"encoder": "static"}, None),
        ({"frozen_dropout": True}, None),  # the lower layers run: no states are read
    ],
)
def test_every_file_that_is_read_has_its_digest(project, params, data, changes, states):
    params = change(params, **changes)
    found = inputs(params, build_recommender(params, data))
    prepared = {p.as_posix(): digest(p) for p in paths.PREPARED.rglob("*") if p.is_file()}
    assert len(prepared) > 10 and found.items() >= prepared.items()
    tokens = paths.EMBEDDINGS / params.encoder / "title.values.npy"
    assert found[tokens.as_posix()] == digest(tokens)
    assert [name for name in found if "states" in name] == ([states] if states else [])
    if states and Path(states).is_file():
        assert found[states] == digest(Path(states))
    if params.encoder == "static":
        assert "embeddings/static/vectors.npy" in found


def test_other_hidden_states_have_another_digest(project, params, data):
    model = build_recommender(params, data)
    before = inputs(params, model)["cache/states/title"]
    path = Path(model.text["title"].below.states.filename)
    whole = path.read_bytes()
    assert before == digest(path)
    try:
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        assert inputs(params, model)["cache/states/title"] == digest(path) != before
    finally:
        path.write_bytes(whole)


@pytest.mark.slow
def test_the_code_that_is_run_is_named_file_by_file(tmp_path):
    """In a process of its own: this one has imported more than a run does."""
    script = (
        "import json; import replication.experiment.run; "
        "from replication.machine.environment import loaded_code; print(json.dumps(loaded_code()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert {
        "replication/experiment/run.py", "replication/recommenders/nrms.py",
        "replication/training/loop.py", "replication/encoders/models/text.py",
    } <= set(found)  # fmt: skip
    assert not [name for name in found if "browser" in name or "report/" in name]
    assert all(value == digest(ROOT / name) for name, value in found.items())


def test_what_torch_computes_with_is_told(monkeypatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(before + 1)
        found = environment.computing()
    finally:
        torch.set_num_threads(before)
    assert found["threads"] == before + 1
    assert found["vector_units"] in torch.__config__.show()
    assert found["torch_build"] in torch.__config__.show()
    assert found["variables"]["ONEDNN_MAX_CPU_ISA"] == "AVX2"
    json.dumps(found, allow_nan=False)


def test_the_digest_of_code_follows_names_and_content(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "PACKAGE", tmp_path)
    room = tmp_path / "room"
    room.mkdir()
    (room / "a.py").write_text("x = 1", encoding="utf-8")
    digest = environment.code_digest.__wrapped__  # a process remembers its answers
    first = digest()
    assert digest("room") == first  # there is no code elsewhere
    (room / "a.txt").write_text("no code", encoding="utf-8")
    (tmp_path / "other.py").write_text("x = 1", encoding="utf-8")
    assert digest("room") == first != digest()
    (room / "a.py").rename(room / "b.py")
    second = digest("room")
    (room / "b.py").write_text("x = 2", encoding="utf-8")
    assert len({first, second, digest("room")}) == 3


def test_scores_lie_beside_the_impression_they_belong_to(tmp_path):
    import polars as pl

    impressions = impressions_of([(1, [2], [3, 4, 5], [1, 0, 0]), (2, [], [6], [1])])
    path = tmp_path / "scores.parquet"
    scores = np.array([0.5, np.inf, -1, 2], np.float32)
    save_impressions(path, impressions, np.ones(2), np.ones(2), {"auc": np.ones(2)}, scores)
    assert pl.read_parquet(path)["scores"].to_list() == [[0.5, np.inf, -1.0], [2.0]]
