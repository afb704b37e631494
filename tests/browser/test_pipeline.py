from pathlib import Path

import pytest
from dvc.repo import Repo

from replication.browser.workspace.pipeline import Definition, read_mapping, read_pipeline
from replication.files.errors import StudyError

PARAMS = """
names: [a, 1, true, 1e-05, 'yes', 2.50]
points: [{x: 1}, {x: 2}]
table: {one: {path: p}, two-2: {path: q}}
nothing: []
deep: {list: [z, y]}
"""
TEMPLATES = {
    "words": "foreach: ${names}\n    do: {cmd: 'echo ${item}', outs: ['o/${item}']}",
    "points": "foreach: ${points}\n    do: {cmd: 'echo ${item.x}', outs: ['o/${item.x}']}",
    "table": "foreach: ${table}\n    do: {cmd: '${key} ${item.path}', deps: ['${item.path}']}",
    "written out": "foreach: [x, y]\n    do: {cmd: 'echo ${item}', params: [deep, table.one]}",
    "matrix": "matrix: {z: '${names}', a: [c, b]}\n    cmd: echo ${key} ${item.a} ${item.z}",
    "matrix of templates": "matrix: {a: ['${table.one.path}', c], b: [k0]}\n    cmd: echo ${key}",
    "written out of templates": "foreach: ['${deep.list.0}', y]\n    do: {cmd: 'echo ${item}'}",
    "empty": "foreach: ${nothing}\n    do: {cmd: 'echo ${item}'}",
    "plain": "cmd: echo ${deep.list.1} ${deep.list.0}\n    metrics: [m]\n    plots: [p]",
}


def write(stage: str) -> None:
    Path("dvc.yaml").write_text(f"stages:\n  s:\n    {stage}\n", encoding="utf-8")
    Path("params.yaml").write_text(PARAMS, encoding="utf-8")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("template", TEMPLATES)
def test_templates_are_resolved_as_dvc_resolves_them(folder, template):
    write(TEMPLATES[template])
    Repo.init(str(folder), no_scm=True).close()
    with Repo(str(folder)) as repo:
        expected = [
            (
                stage.name,
                stage.cmd,
                {str(dep) for dep in stage.deps if not hasattr(dep, "params")},
                {key for dep in stage.deps for key in getattr(dep, "params", ())},
                {str(out) for out in stage.outs},
            )
            for stage in repo.stage.collect()
        ]
    found = [(d.name, d.command, set(d.deps), set(d.params), set(d.outs)) for d in read_pipeline()]
    assert found == expected


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("cmd: echo ${no.such}", r"dvc.yaml: stages.s.cmd: \$\{no.such\}: no such key"),
        ("cmd: echo ${table}", "stages.s.cmd: expected a plain value, found a dict"),
        ("cmd: [a, b]", "stages.s.cmd: expected one command, found a list"),
        ("cmd: a\n    wdir: b", "stages.s: wdir: not understood"),
        ("cmd: a\n    params: [{other.yaml: [b]}]", "stages.s.params: expected a plain value"),
        ("cmd: a\n    deps: b", "stages.s.deps: expected a list, found a str"),
        ("foreach: ${deep.list.0}\n    do: {cmd: a}", "stages.s.foreach: expected a mapping or a"),
        ("foreach: [a]\n    do: b", "stages.s.do: expected a mapping"),
        ("matrix: [a]\n    cmd: b", "stages.s.matrix: expected a mapping"),
        ("matrix: {a: b}\n    cmd: b", "stages.s.matrix.a: expected a list"),
        ("matrix: {a: [[1]]}\n    cmd: b", "stages.s.matrix: expected a plain value"),
        ("cmd: a\nvars: [b]", "dvc.yaml: vars: not understood"),
    ],
)
def test_what_is_not_understood_is_said(folder, stage, said):
    write(stage)
    with pytest.raises(StudyError, match=said):
        read_pipeline()


def test_a_changed_file_is_read_again(folder):
    write("cmd: a")
    assert read_pipeline() == (Definition("s", "a", (), (), ()),)
    assert read_pipeline() is read_pipeline()
    write("cmd: longer")
    assert read_pipeline()[0].command == "longer"


def test_yaml_is_that_of_dvc(folder):
    """YAML 1.2, where PyYAML alone reads 1.1."""
    Path("a.yaml").write_text("{a: 1e-05, b: yes, c: off, d: null, e: 1.5, f: 12:30, g: true}")
    assert read_mapping(Path("a.yaml")) == {
        "a": 1e-05, "b": "yes", "c": "off", "d": None, "e": 1.5, "f": "12:30", "g": True,
    }  # fmt: skip
