"""Stages where dvc.lock, dvc.yaml or params.yaml is missing, damaged, or being written."""

import json
import shutil
from pathlib import Path

import pytest
import quick_yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stage_states import reason, replace, states, write_rwlock

from replication.browser.workspace.stages import read_stages

RUN = "grid@nrms-tiny-clean-s1"
SETTINGS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def test_without_a_lock_nothing_has_been_run(project):
    Path("dvc.lock").unlink()
    stages = read_stages()
    assert stages.problem.startswith("dvc.lock: no such file")
    assert "dvc repro" in stages.problem
    assert stages.lock_digest is None
    assert {stage.state for stage in stages.stages} == {"not run"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stages: [", "dvc.lock, line 2: not valid YAML"),
        ("<<<<<<< HEAD\nstages: {}\n", "dvc.lock, line"),
        ("- a", "dvc.lock: expected a mapping, found a list"),
        ("# nothing", "dvc.lock: expected a mapping, found nothing"),
        ("schema: '2.0'", "dvc.lock: stages: expected a mapping"),
    ],
)
def test_an_unreadable_lock_leaves_nothing_current(project, text, said):
    Path("dvc.lock").write_text(f"{text}\n", encoding="utf-8")
    stages = read_stages()
    assert stages.problem.startswith(said)
    assert "`python -m replication mend` puts the committed one back" in stages.problem
    assert "git checkout" not in stages.problem  # which cannot take either side of a conflict
    assert {(s.state, s.reason) for s in stages.stages} == {("stale", "dvc.lock cannot be read")}


@pytest.mark.parametrize("file", ["dvc.lock", "dvc.yaml", "params.yaml"])
def test_a_byte_that_is_no_text_is_told_by_its_line(project, file):
    text = Path(file).read_bytes()
    Path(file).write_bytes(text + b"# caf\xe9\n")
    line = text.count(b"\n") + 1
    said = f"{file}: not valid YAML (line {line}: byte 0xe9 is not UTF-8)"
    assert said in read_stages().problem


@pytest.mark.parametrize("kept", [0, 700])
def test_while_dvc_writes_its_lock_the_last_whole_one_stands_in(project, monkeypatch, kept):
    Path("reports/claims.json").write_text("{}", encoding="utf-8")
    before = states()
    text = Path("dvc.lock").read_text(encoding="utf-8")
    Path("dvc.lock").write_text(text[:kept].rstrip("\n"), encoding="utf-8")
    stages = read_stages()
    assert "DVC is writing it" in stages.problem
    assert {stage.name: stage.state for stage in stages.stages} == before
    monkeypatch.setattr("replication.browser.workspace.recorded._last_whole", {})
    assert {stage.state for stage in read_stages().stages} == {"stale"}
    Path("dvc.lock").write_text(text, encoding="utf-8")
    assert read_stages().problem is None
    assert states() == before


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ([], "stages.report: expected a mapping"),
        ({"cmd": 3}, "stages.report.cmd: expected a command"),
        ({"outs": {"a": 1}}, "stages.report.outs: expected a list"),
        ({"outs": "reports/REPORT.md"}, "stages.report.outs: expected a list"),
        ({"deps": [{"path": "reports/claims.json"}]}, "stages.report.deps: expected entries"),
        ({"outs": [{"path": "a", "md5": "b", "size": "c"}]}, "stages.report.outs: a: expected"),
        ({"params": ["grid"]}, "stages.report.params: expected a mapping"),
    ],
)
def test_a_damaged_record_is_one_stale_stage(project, damage, said):
    lock = quick_yaml.load(Path("dvc.lock").read_text(encoding="utf-8"))
    record = lock["stages"]["report"]
    lock["stages"]["report"] = {**record, **damage} if isinstance(damage, dict) else damage
    Path("dvc.lock").write_text(quick_yaml.dump(lock), encoding="utf-8")
    stages = read_stages()
    assert stages.problem.startswith(f"dvc.lock: {said}")
    assert stages.by_name["report"].reason.startswith(f"dvc.lock: {said}")
    assert stages.by_name["compare"].state == "current"


@pytest.mark.parametrize("name", ["dvc.yaml", "params.yaml"])
def test_without_a_pipeline_the_recorded_stages_are_listed(project, name):
    names = set(states())
    Path(name).write_text("a: [\n", encoding="utf-8")
    stages = read_stages()
    assert stages.problem.startswith(f"{name}, line 2: not valid YAML")
    assert set(stages.by_name) == names
    assert stages.by_name["audit@llm"].state == "current"  # it reads no parameter
    if name == "params.yaml":
        for reader in ("data", "compare", RUN):
            assert stages.by_name[reader].reason == "params.yaml cannot be read"


def test_settings_are_told_by_the_run_where_their_file_is_gone(project):
    """As in a clone; keys that were no part of them are no change."""
    shutil.rmtree("cache")
    replace("params.yaml", "heads: 6", "heads: 4")
    replace("params.yaml", "width: null", "width: null, depth: 2")
    assert reason(RUN) == "params.yaml: model.heads was 6, is 4"
    assert reason("compare").startswith("params.yaml has changed in what this stage reads")


def test_what_cannot_be_cut_into_settings_is_said(project):
    replace("params.yaml", "model: {heads: 6, width: null}\n", "")
    assert reason(RUN) == "params.yaml or conf/protocol lacks what this stage reads"
    Path("conf/protocol/clean.yaml").write_text("a: [", encoding="utf-8")
    assert reason("compare").startswith("conf/protocol/clean.yaml, line")


def test_an_empty_folder_has_no_stages(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stages = read_stages()
    assert stages.stages == ()
    assert "dvc.lock: no such file" in stages.problem
    assert "dvc.yaml: no such file" in stages.problem


# Without a slash: the path of the whole disk would be looked at.
words = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), max_size=5)
plain = st.none() | st.booleans() | st.integers() | st.floats() | words
junk = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


def places(node: object, path: tuple = ()) -> list[tuple]:
    """The way to every node below `node`."""
    if isinstance(node, list):
        node = dict(enumerate(node))
    pairs = node.items() if isinstance(node, dict) else ()
    return [way for key, value in pairs for way in ((*path, key), *places(value, (*path, key)))]


@pytest.mark.slow
@SETTINGS
@given(data=st.data())
@pytest.mark.parametrize("name", ["dvc.lock", "dvc.yaml", "params.yaml"])
def test_no_damage_to_a_file_makes_it_raise(project, reproduced, name, data):
    text = (reproduced / name).read_text(encoding="utf-8")
    document = quick_yaml.load(text)
    *way, last = data.draw(st.sampled_from(places(document)))
    node = document
    for key in way:
        node = node[key]
    node[last] = data.draw(junk)
    Path(name).write_text(quick_yaml.dump(document), encoding="utf-8")
    stages = read_stages()
    assert {stage.state for stage in stages.stages} <= {"current", "not run", "stale"}
    assert not any("\n" in (stage.reason or "") for stage in stages.stages)
    assert "\n" not in (stages.problem or "")


@SETTINGS
@given(content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@pytest.mark.parametrize("name", ["dvc.lock", "dvc.yaml", "params.yaml"])
def test_no_bytes_make_it_raise(project, name, content):
    Path(name).write_bytes(content)
    stages = read_stages()
    assert stages.problem
    assert "\n" not in stages.problem


@SETTINGS
@given(content=words | st.builds(json.dumps, junk | st.fixed_dictionaries({"write": junk})))
def test_no_rwlock_makes_it_raise(project, content):
    write_rwlock(content)
    assert set(states().values()) == {"current"}
