"""The rooms of the package: nothing stands outside them, and imports run one way."""

import ast
import re

import pytest
from imports import PACKAGE, graph, modules, reached

from replication import ROOMS

BESIDE = {"browser": {"pipeline"}, "pipeline": {"browser"}}  # floors that do not know each other


def room(module: str) -> str:
    """`replication.files.errors` -> `files`."""
    return module.split(".")[1] if "." in module else ""


def test_nothing_stands_outside_the_rooms():
    kept = {p.name for p in PACKAGE.iterdir() if p.name != "__pycache__"}
    assert kept == {*ROOMS, "__init__.py", "__main__.py"}


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_imports_only_those_before_it(name):
    allowed = set(ROOMS[: ROOMS.index(name) + 1]) - BESIDE.get(name, set()) | {""}
    wrong = {
        f"{module} imports {other}"
        for module, others in graph().items()
        if room(module) == name
        for other in others
        if room(other) not in allowed
    }
    assert not wrong


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_says_what_it_imports(name):
    """At the top of its `__init__.py`, in the order of the rooms."""
    source = (PACKAGE / name / "__init__.py").read_text(encoding="utf-8")
    text = " ".join((ast.get_docstring(ast.parse(source)) or "").split())
    told = re.findall(r"Imports ((?:`\w+`(?:, | and )?)+)", text)
    pairs = {(room(module), room(other)) for module, others in graph().items() for other in others}
    used = {other for own, other in pairs if own == name} - {name, ""}
    assert re.findall(r"`(\w+)`", "".join(told)) == [r for r in ROOMS if r in used]


def test_no_circle():
    circles = {
        name for name, others in graph().items() if any(name in reached(o, graph()) for o in others)
    }
    assert not circles


def test_modules_are_imported_by_their_names_in_the_lists_and_the_warm_start_alone():
    """Elsewhere a name that is made up while it runs would hide an import from the tests."""
    ways = ("import_module", "__import__", "runpy")
    found = {
        module
        for module, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if any(name in ways for name in names_in(node))
    }
    assert found == {"replication.study.registry", "replication.pipeline.grid.warm"}


def names_in(node: ast.AST) -> list[str]:
    """What code names at this place: a variable, an attribute, or what an import brings."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [node.attr]
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or "", *(name.name for name in node.names)]
    return []


@pytest.mark.parametrize("name", ["study", "paper", "report", "browser", "pipeline"])
def test_what_reads_files_alone_imports_no_torch_when_it_is_loaded(name):
    """Such an import stands inside the function that needs it."""
    found = []
    for module, path in modules().items():
        if room(module) == name:
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += [node.module] if isinstance(node, ast.ImportFrom) else []
                found += [
                    f"{module}: {n}" for n in names if n.split(".")[0] in ("torch", "transformers")
                ]
    assert not found


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_says_what_lives_in_it_and_what_it_imports(name):
    doc = ast.get_docstring(ast.parse((PACKAGE / name / "__init__.py").read_text(encoding="utf-8")))
    assert doc and len(doc.split()) >= 15 and "mport" in doc


def test_the_reader_of_imports_finds_each_kind(tmp_path, monkeypatch):
    monkeypatch.setattr("imports.PACKAGE", tmp_path / "replication")
    for name, text in {
        "__init__": "", "a": "import replication.b", "b": "from replication import c",
        "c": "def f():\n    from replication.d import x", "d": "x = 1",
    }.items():  # fmt: skip
        (tmp_path / "replication").mkdir(exist_ok=True)
        (tmp_path / f"replication/{name}.py").write_text(text, encoding="utf-8")
    assert reached("replication.a", graph()) == {f"replication.{n}" for n in "abcd"}
