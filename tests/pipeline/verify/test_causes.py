"""Causes of a difference, from records of both sides; and which stages are meant by a name."""

from copy import deepcopy

import pytest

from replication.files.errors import StudyError
from replication.pipeline.verify.causes import (
    checkpoint_inputs,
    divergence,
    is_complete,
    machines,
    recorded_inputs,
    run_inputs,
)
from replication.pipeline.verify.records import Record, choose, with_upstream

CODE = "replication/training/loop.py"
RUN = {
    "seed": 1,
    "precision": "bf16",
    "params": {"history": 20, "data": {"path": "/a"}, "protocol": {"seeded": True}},
    "data_sha256": {"train/news.tsv": "a", "dev/news.tsv": "b"},
    "checkpoint": {"encoder": "e", "source": "package", "sha256": {"model.safetensors": "c"}},
    "inputs_sha256": {},
    "code_sha256": {CODE: "d"},
    "libraries": {"torch": "2.13.0"},
    "hardware": {"processor": "P", "cores": 2, "memory_gib": 23.5, "gpu": None},
    "computing": {"threads": 2, "instructions": ["avx2"], "variables": {}},
    "training": {"curve": [(10, 1.5, 0.6), (20, 1.4, 0.7)]},
}


def changed(**values) -> dict:
    run = deepcopy(RUN)
    for dotted, value in values.items():
        *above, key = dotted.split("__")
        inner = run
        for part in above:
            inner = inner[part]
        inner[key] = value
    return run


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, {}),
        ({"seed": 2}, {"seed": "1 -> 2"}),
        ({"params__history": 30}, {"parameters": "history 20 -> 30"}),
        ({"params__protocol": {"seeded": False}}, {"parameters": "protocol.seeded true -> false"}),
        ({"params__data": {"path": "/b"}}, {}),  # elsewhere; what is there has digests
        ({"data_sha256__dev/news.tsv": "x"}, {"data": "dev/news.tsv"}),
        ({"checkpoint__sha256": {"model.safetensors": "x"}}, {"checkpoint": "e/model.safetensors"}),
        (
            {"code_sha256": {"replication/training/loop.py": "x"}},
            {"code": "replication/training/loop.py"},
        ),
        ({"libraries__torch": "2.14.0", "computing__threads": 1, "precision": "fp32"}, {}),
    ],
)
def test_inputs_by_run_json(change, told):
    assert run_inputs(RUN, changed(**change)) == told


def test_many_files_are_counted():
    one = changed(code_sha256={f"replication/{i}.py": "1" for i in range(7)})
    other = changed(code_sha256={f"replication/{i}.py": "2" for i in range(7)})
    (told,) = run_inputs(one, other).values()
    assert told.startswith("replication/0.py, ") and told.endswith("replication/3.py and 3 more")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, []),
        ({"libraries__torch": "2.14.0"}, ["torch 2.13.0 -> 2.14.0"]),
        ({"computing__threads": 1}, ["threads 2 -> 1"]),
        ({"computing__variables": {"MKL_CBWR": "AVX2"}}, ["variables.MKL_CBWR null -> AVX2"]),
        ({"hardware__gpu": "H100"}, ["gpu null -> H100"]),
        ({"precision": "fp32"}, ["precision bf16 -> fp32"]),
        ({"hardware__memory_gib": 99.0, "seed": 3}, []),
    ],
)
def test_machines(change, told):
    assert machines(RUN, changed(**change)) == told


def test_what_an_earlier_version_did_not_record_is_no_difference():
    earlier = {k: v for k, v in RUN.items() if k not in ("computing", "code_sha256")}
    assert machines(earlier, RUN) == machines({}, RUN) == []
    assert run_inputs(earlier, RUN) == {}
    assert is_complete(RUN) and not is_complete(earlier)


@pytest.mark.parametrize("source", ["adapted", "derived"])
def test_weights_that_were_computed_may_differ_with_the_machine(source):
    one = {"encoder": "e", "source": source, "sha256": {"model.safetensors": "a"}}
    assert checkpoint_inputs(one, one | {"sha256": {"model.safetensors": "b"}}) == []


def test_where_two_trainings_part():
    assert divergence(RUN, RUN) is None
    other = changed(training={"curve": [(10, 1.5, 0.6), (20, 1.39, 0.7)]})
    assert (
        divergence(RUN, other) == "training differs at batch 20: loss 1.4 -> 1.39, AUC 0.7 -> 0.7"
    )
    assert "ends" in divergence(RUN, changed(training={"curve": [(10, 1.5, 0.6)]}))


def record(name: str, *upstream: str, deps=None, params=None, command="run") -> Record:
    return Record(name, command, deps or {}, params or {}, {}, upstream, recorded=True)


def test_inputs_by_dvc_lock():
    deps = {"replication/mind": "1", "conf/p.yaml": "2", "/a/mind": "3", "data/raw": "4"}
    one = record("x", deps=deps, params={"text": {"title_tokens": 20}, "history": 20})
    assert recorded_inputs(one, one, ["data/raw"]) == {}
    other = record(
        "x",
        deps={"replication/mind": "9", "conf/p.yaml": "2", "/b/mind": "8", "data/raw": "7"},
        params={"text": {"title_tokens": 30}, "history": 20},
        command="run --fast",
    )
    assert recorded_inputs(one, other, ["data/raw"]) == {
        "command": "run -> run --fast",
        "parameters": "text.title_tokens 20 -> 30",
        "code": "replication/mind",
        "data": "/a/mind, /b/mind",
    }


def test_the_same_data_elsewhere_are_the_same():
    one, other = (record("data", deps={path: "3"}) for path in ("/a/mind", "/b/mind"))
    assert recorded_inputs(one, other, []) == {}


RECORDS = {
    r.name: r
    for r in (
        record("data"), record("embed@a", "data"), record("embed@b", "data"),
        record("grid@a-1", "embed@a", "data"), record("grid@b-1", "embed@b"),
    )
}  # fmt: skip


def test_stages_are_chosen_by_name_or_group():
    assert choose(RECORDS, ["grid@b-1", "data"]) == ["data", "grid@b-1"]
    assert choose(RECORDS, ["grid"]) == ["grid@a-1", "grid@b-1"]
    with pytest.raises(StudyError, match=r"no stage 'gri'.*one of data, embed, grid$"):
        choose(RECORDS, ["gri"])


def test_what_stages_need_comes_before_them():
    assert with_upstream(RECORDS, ["grid@b-1"]) == ["data", "embed@b", "grid@b-1"]
    assert with_upstream(RECORDS, list(RECORDS)) == list(RECORDS)
