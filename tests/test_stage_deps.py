"""The stages of dvc.yaml: what a stage runs is among its dependencies, however it is listed."""

import ast
import functools
import json
from pathlib import Path

import pytest
from imports import PACKAGE, graph, imported, listed, modules, reached

from replication.files.documents import read_yaml
from replication.machine import environment

ROOT = Path(__file__).parents[1]
STAGES = {name: stage.get("do", stage)
          for name, stage in read_yaml(ROOT / "dvc.yaml")["stages"].items()}  # fmt: skip
DIGESTS = [name for name in STAGES if name.startswith("code-")]  # of rooms, for other stages
FILES = {name: path.relative_to(ROOT) for name, path in modules().items()}
# Rooms that make what is listed. Stage `check` only asks it whether
# parameters are possible.
BUILD = ("mind", "encoders", "recommenders", "training", "evaluation", "experiment")


def rooms(stage: str) -> list[Path]:
    """The code among its dependencies; where a stage digests rooms for it, those of that one."""
    found = []
    for dep in STAGES[stage]["deps"]:
        if dep.startswith("cache/code/"):
            found += rooms(f"code-{Path(dep).stem}")
        elif dep.startswith("replication/"):
            found.append(Path(dep))
    return found


@functools.cache
def functions() -> dict[str, str]:
    """The functions of all commands, by name."""
    return {
        node.name: ast.unparse(node)
        for path in (PACKAGE / "commands").glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }


@functools.cache
def code(stage: str) -> set[Path]:
    """Files that its command imports: from the function of that name on. An `__init__.py` that only
    says what lives in its folder is left out."""
    command = STAGES[stage]["cmd"].split()[3]
    own = functions()[command]
    helpers = [text for name, text in functions().items() if f"{name}(" in own]
    found, ahead = set(), imported("\n".join([own, *helpers]), modules())
    while ahead:
        name = ahead.pop()
        new = reached(name, graph()) - found
        found |= new
        for module in new:
            if module.split(".")[1] in BUILD:
                ahead |= listed(modules()[module].read_text(encoding="utf-8")) - found
    if stage == "check":
        checks = modules()["replication.study.checks"].read_text(encoding="utf-8")
        found |= {
            module for module in listed(checks) if module.split(".")[1] in ("mind", "encoders")
        }
    return {FILES[m] for m in found if graph()[m] or not is_init(m)}


def is_init(module: str) -> bool:
    return FILES[module].name == "__init__.py"


def within(file: Path, room: Path) -> bool:
    return file == room or room in file.parents


@pytest.mark.parametrize("stage", [name for name in STAGES if name not in DIGESTS])
def test_what_a_stage_imports_is_among_its_dependencies(stage):
    files = code(stage)
    assert files
    assert not {file for file in files if not any(within(file, room) for room in rooms(stage))}


@pytest.mark.parametrize("stage", [name for name in STAGES if name not in DIGESTS])
def test_no_stage_names_a_room_that_it_does_not_run(stage):
    """It would be made again for nothing."""
    files = code(stage)
    own = [Path(dep) for dep in STAGES[stage]["deps"] if dep.startswith("replication/")]
    assert not [room for room in own if not any(within(file, room) for file in files)]


@pytest.mark.parametrize("stage", DIGESTS)
def test_rooms_that_are_digested_for_others_are_there(stage):
    assert rooms(stage) and all((ROOT / room).exists() for room in rooms(stage))


@pytest.mark.parametrize(
    ("stage", "made_by"), [("grid", environment.RUNS), ("embed", environment.ENCODERS)]
)
def test_a_state_that_is_gone_on_with_is_named_by_the_code_of_its_stage(stage, made_by):
    assert sorted(PACKAGE.relative_to(ROOT) / part for part in made_by) == sorted(rooms(stage))


def test_no_long_list_of_rooms_stands_twice():
    lists = [tuple(d for d in stage["deps"] if "replication" in d) for stage in STAGES.values()]
    long = [rooms for rooms in lists if len(rooms) > 4]
    assert len(long) == len(set(long))


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("reports/runs/*/run.json")), ids=lambda p: p.parent.name
)
def test_what_a_run_has_loaded_is_among_the_dependencies_of_its_stage(path):
    """As the run itself wrote it down. No part of a result are the command line, what hands it over
    in the grid, and the ways to bring data, which are asked whether parameters are possible.
    """
    loaded = [Path(file) for file in json.loads(path.read_text(encoding="utf-8"))["code_sha256"]]
    beside = ("commands", "grid", "imports")
    code = [f for f in loaded if not f.name.startswith("__") and f.parts[-2] not in beside]
    assert not [file for file in code if not any(within(file, room) for room in rooms("grid"))]
