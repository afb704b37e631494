"""How a command starts: what it imports, which takes most of a short one's time."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from imports import PACKAGE, imported, modules

HEAVY = {
    "torch", "transformers", "peft", "accelerate", "scipy", "scipy.stats", "pandas", "altair",
    "polars", "dvc",
}  # fmt: skip
NUMBERS = {"scipy", "polars"}
# What the modules that a command names may bring along, before it has done anything. The rest it
# imports when it needs it: transformers only where there is a model to load.
ALLOWED = {
    "check": set(), "compose": set(), "preflight": {"polars"}, "expect": {"polars"},
    "plan": set(), "fetch": {"polars"}, "data": set(), "prepare": {"polars"},
    "checkpoint": set(), "merge": {"torch"}, "adapt": {"torch", "polars"},
    "embed": {"torch", "polars"},
    "run": {"torch", *NUMBERS}, "experiment": {"torch", *NUMBERS}, "audit": {"torch", *NUMBERS},
    "baselines": NUMBERS, "compare": {*NUMBERS, "scipy.stats"}, "report": {"altair", "polars"},
    "questions": {*NUMBERS, "scipy.stats"},
    "show": {"polars"}, "score": NUMBERS, "paper": set(), "grid": set(), "mend": set(),
    "inventory": set(), "code": set(), "verify": {"torch", "polars"}, "import_": {"polars"},
    "distil": {*NUMBERS, "scipy.stats"},
}  # fmt: skip
FUNCTIONS = {
    node.name: ast.unparse(node)
    for path in (PACKAGE / "commands").glob("*.py")
    for node in ast.parse(path.read_text(encoding="utf-8")).body
    if isinstance(node, ast.FunctionDef)
}
ROOT = Path(__file__).parents[1]
FILES = modules()


@cache
def at_once(module: str) -> tuple[set[str], set[str]]:
    """What a module imports as soon as it is loaded: of the package, and heavy libraries."""
    lines = []
    for node in ast.parse(FILES[module].read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import | ast.ImportFrom):  # not below `if TYPE_CHECKING`
            lines.append(ast.unparse(node))
    names = set()
    for node in ast.parse("\n".join(lines)).body:
        if isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    names |= {name.partition(".")[0] for name in names}
    return imported("\n".join(lines), FILES), names & HEAVY


def loaded(command: str) -> set[str]:
    """Heavy libraries that are loaded with the modules which the command's function names."""
    own = FUNCTIONS[command]
    texts = [own, *(text for other, text in FUNCTIONS.items() if f"{other}(" in own)]
    ahead, found, heavy = list(imported("\n".join(texts), FILES)), set(), set()
    while ahead:
        if (module := ahead.pop()) not in found:
            found.add(module)
            more, libraries = at_once(module)
            heavy |= libraries
            ahead += [*more, module.rpartition(".")[0]] if "." in module else more
    return heavy


def test_every_command_is_here():
    from replication.__main__ import GROUPS

    assert {f.__name__ for functions in GROUPS.values() for f in functions} == ALLOWED.keys()


@pytest.mark.parametrize("name", ALLOWED)
def test_a_command_imports_no_more_than_it_needs(name):
    assert loaded(name) == ALLOWED[name]


@pytest.mark.slow
def test_the_reader_sees_what_python_loads():
    """Of the command that most stages run."""
    told = "import replication.experiment.run, replication.study.runs, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert HEAVY.intersection(done.stdout.split()) == loaded("run")


def test_the_command_line_alone_imports_nothing_that_takes_long():
    """Nor any other library: help and wrong arguments are told at once."""
    told = "import replication.__main__, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names = {name.partition(".")[0] for name in done.stdout.split()}
    assert "replication" in names and not names & (HEAVY | {"numpy", "pydantic", "ruamel"})


def test_threads_are_settled_before_a_command_is_even_looked_up():
    """OMP_NUM_THREADS and its kin are read when torch is loaded."""
    nodes = ast.parse((PACKAGE / "__main__.py").read_text(encoding="utf-8")).body
    start = nodes[-1]
    assert isinstance(start, ast.If) and ast.unparse(start.body[0]) == "threads.settle()"
