"""What the modules of the package import of each other, read from their source."""

import ast
import functools
from pathlib import Path

import replication
from replication.study import registry

PACKAGE = Path(replication.__file__).parent


def module_name(path: Path, package: Path) -> str:
    """`replication/files/errors.py` -> `replication.files.errors`."""
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules() -> dict[str, Path]:
    """Every module of the package by its name; not to be changed by those who ask."""
    return _modules(PACKAGE)


@functools.cache
def _modules(package: Path) -> dict[str, Path]:
    return {module_name(path, package): path for path in sorted(package.rglob("*.py"))}


def imported(source: str, known: dict[str, Path]) -> set[str]:
    """Modules of the package that code imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names if name.name in known}
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            inner = {f"{node.module}.{name.name}" for name in node.names}
            found |= (inner & known.keys()) or {node.module}
    return found


def listed(source: str) -> set[str]:
    """Modules that code imports by their addresses in the lists of `study.registry`."""
    names = {
        name.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module == registry.__name__
        for name in node.names
    }
    names |= {"DATA_SETS"} if "data_set" in names else set()
    lines = [
        line for name in names for line in getattr(getattr(registry, name), "data", {}).values()
    ]
    return {getattr(line, "code", line).partition(":")[0] for line in lines}


def graph() -> dict[str, set[str]]:
    """Of each module those that it imports; not to be changed by those who ask."""
    return _graph(PACKAGE)


@functools.cache
def _graph(package: Path) -> dict[str, set[str]]:
    known = _modules(package)
    return {name: imported(path.read_text(encoding="utf-8"), known) for name, path in known.items()}


def reached(start: str, edges: dict[str, set[str]]) -> set[str]:
    """All modules that `start` imports, directly or through others, itself included."""
    found, ahead = set(), [start]
    while ahead:
        if (name := ahead.pop()) not in found:
            found.add(name)
            ahead += edges[name]
    return found
