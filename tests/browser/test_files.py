import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replication.files import readable as files
from replication.files.errors import StudyError
from replication.files.readable import File, parse, read_file, tried
from replication.report.claims_schema import ClaimsFile
from replication.report.comparison_schema import ComparisonFile
from replication.report.schema import (
    AdapterFile,
    BaselinesFile,
    ColdStartFile,
    CostFile,
    DataFile,
    MetricsFile,
    RunFile,
)

ROOT = Path(__file__).parents[2]
RUN = ROOT / "reports/runs/nrms-minilm-finetuned-clean-s1"
REAL = {
    RUN / "metrics.json": MetricsFile,
    RUN / "cold_start.json": ColdStartFile,
    RUN / "cost.json": CostFile,
    RUN / "run.json": RunFile,
    ROOT / "reports/data.json": DataFile,
    ROOT / "reports/baselines.json": BaselinesFile,
    ROOT / "reports/claims.json": ClaimsFile,
    ROOT / "reports/comparison.json": ComparisonFile,
    ROOT / "reports/adapters/smollm2-lora.json": AdapterFile,
}
NAME = Path("reports/some/file.json")
each_file = pytest.mark.parametrize("real", REAL, ids=lambda path: path.stem)
FEW = settings(max_examples=60, deadline=None)

junk = st.one_of(
    st.sampled_from([
        None, True, False, 0, 1, -1, 2, 0.5, 1e308, math.nan, math.inf, -math.inf, 10**30,
        -(10**30), 10**400, 10**4000, "", "0.5", "nan", "None", [], {}, [0.1, 0.2], [[[[]]]],
        {"auc": "x"}, "\ud800",
    ]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["auc", "ci95", "groups", "x"]), inner, max_size=3),
        max_leaves=6,
    ),
)  # fmt: skip


def agree(shown: Any, written: Any) -> bool:
    """Whether all that is shown is what is written, of the same kind; keys may be left out."""
    if isinstance(shown, dict):
        return isinstance(written, dict) and all(
            key in written and agree(value, written[key]) for key, value in shown.items()
        )
    if isinstance(shown, list | tuple):
        return (
            isinstance(written, list)
            and len(shown) == len(written)
            and all(map(agree, shown, written))
        )
    if isinstance(shown, bool) or shown is None or isinstance(shown, str):
        return type(shown) is type(written) and shown == written
    if isinstance(written, bool) or not isinstance(written, int | float):
        return False
    if isinstance(shown, int):
        return shown == written
    return math.isfinite(shown) and shown == float(written)


def check(text: bytes, kind: type) -> File:
    """Content that is what the bytes say, or a reason in one line that names the file."""
    found = parse(NAME, text, kind)
    assert found.path == NAME
    if found.problem is None:
        assert agree(found.content, json.loads(text))
    else:
        assert found.content is None
        assert found.problem.startswith(f"{NAME}: ")
        assert "\n" not in found.problem
    return found


def nodes(value: Any, way: tuple = ()) -> list[tuple]:
    """The way to everything inside a JSON value."""
    if isinstance(value, dict):
        inside = value.items()
    else:
        inside = enumerate(value) if isinstance(value, list) else ()
    return [one for key, v in inside for one in [(*way, key), *nodes(v, (*way, key))]]


def parent(value: Any, way: tuple) -> Any:
    for key in way[:-1]:
        value = value[key]
    return value


def named(way: tuple) -> str:
    return f"{NAME}: " + ".".join(map(str, way))


@each_file
def test_a_committed_file_is_read_as_it_is(real):
    found = read_file(real, REAL[real])
    assert found.problem is None
    assert agree(found.content, json.loads(real.read_text(encoding="utf-8")))


@each_file
@FEW
@given(data=st.data())
def test_a_changed_value_is_shown_as_written_or_named_in_the_reason(real, data):
    value = json.loads(real.read_text(encoding="utf-8"))
    way = data.draw(st.sampled_from(nodes(value)))
    parent(value, way)[way[-1]] = data.draw(junk)
    found = check(json.dumps(value).encode(), REAL[real])
    if found.problem and "not valid JSON" not in found.problem:
        # Parameters can be anything that is JSON: one reason speaks of them all.
        assert found.problem.startswith((named(way), f"{NAME}: params: "))


@each_file
@FEW
@given(data=st.data())
def test_a_missing_key_is_left_out_or_named_in_the_reason(real, data):
    value = json.loads(real.read_text(encoding="utf-8"))
    ways = [way for way in nodes(value) if isinstance(way[-1], str)]
    way = data.draw(st.sampled_from(ways))
    del parent(value, way)[way[-1]]
    found = check(json.dumps(value).encode(), REAL[real])
    if found.problem:
        assert found.problem.startswith(named(way))


@each_file
@FEW
@given(data=st.data())
def test_a_file_cut_short_is_unreadable(real, data):
    text = real.read_bytes().rstrip()
    kept = text[: data.draw(st.integers(0, len(text) - 1))]
    assert "not valid JSON" in check(kept, REAL[real]).problem


@each_file
@FEW
@given(data=st.data())
def test_flipped_bytes_never_become_another_number(real, data):
    text = bytearray(real.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    check(bytes(text), REAL[real])


@given(text=st.binary(max_size=40) | junk.map(json.dumps).map(str.encode))
@pytest.mark.parametrize("kind", REAL.values())
def test_other_content_is_a_reason(kind, text):
    assert check(text, kind).problem


@pytest.mark.parametrize("metric", ["auc", "mrr", "ndcg@5", "ndcg@10"])
@pytest.mark.parametrize(
    "bad", ["NaN", "Infinity", "-Infinity", '"0.6"', "true", "[]", "{}", "-0.1", "1.1", "9e999",
            '"None"', "[0.6]"],
)  # fmt: skip
def test_no_metric_but_a_share(metric, bad):
    value = json.loads((RUN / "metrics.json").read_text(encoding="utf-8"))
    text = json.dumps(value | {metric: "HERE"}).replace('"HERE"', bad).encode()
    assert check(text, MetricsFile).problem.startswith(f"{NAME}: {metric}: ")


def test_null_is_no_number():
    value = json.loads((RUN / "metrics.json").read_text(encoding="utf-8"))
    assert check(json.dumps(value | {"auc": None}).encode(), MetricsFile).content["auc"] is None


# ---------------------------------------------------------------- on disk


def test_no_file_is_no_problem(tmp_path):
    (tmp_path / "file").touch()
    for name in ("none.json", "no/folder.json", "file/below.json"):
        found = read_file(tmp_path / name, MetricsFile)
        assert (found.content, found.problem) == (None, None)


def _directory(path: Path) -> None:
    path.mkdir()


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _latin(path: Path) -> None:
    path.write_bytes('{"auc": "Zürich"}'.encode("latin-1"))


def _deep(path: Path) -> None:
    path.write_text("[" * 100_000)


def _nested_object(path: Path) -> None:
    path.write_text('{"params":' * 50_000 + "1" + "}" * 50_000)


def _large_number(path: Path) -> None:
    path.write_text("9" * 100_000)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(files.LARGEST + 1)


@pytest.mark.parametrize(
    "make", [_directory, _loop, Path.touch, _latin, _deep, _nested_object, _large_number, _sparse]
)
@pytest.mark.parametrize("kind", [MetricsFile, RunFile])
def test_what_cannot_be_read_has_a_reason(tmp_path, make, kind):
    path = tmp_path / "metrics.json"
    make(path)
    found = read_file(path, kind)
    assert found.content is None
    assert found.problem.startswith(f"{path}: ")
    assert "\n" not in found.problem


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_a_file_of_others_has_a_reason(tmp_path):
    path = tmp_path / "metrics.json"
    path.touch(mode=0)
    assert "cannot be read" in read_file(path, MetricsFile).problem


def test_names_that_no_system_takes_have_a_reason():
    assert read_file(Path("a\0b"), MetricsFile).problem
    assert read_file(Path("x" * 5000), MetricsFile).problem


def test_a_file_is_read_again_only_when_it_has_changed(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_bytes((RUN / "metrics.json").read_bytes())
    first = read_file(path, MetricsFile)
    assert read_file(path, MetricsFile) is first
    value = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(value | {"auc": 0.25}), encoding="utf-8")
    assert read_file(path, MetricsFile).content["auc"] == 0.25
    path.unlink()
    assert read_file(path, MetricsFile) == File(path)


def test_the_reason_of_what_stops_with_one():
    def stop(error: Exception) -> None:
        raise error

    assert tried(lambda: 3, NAME) == File(NAME, 3)
    assert tried(lambda: stop(StudyError("a reason")), NAME) == File(NAME, problem="a reason")
    found = tried(lambda: stop(PermissionError(13, "Permission denied")), NAME)
    assert found.problem.startswith(f"{NAME}: cannot be read (")
