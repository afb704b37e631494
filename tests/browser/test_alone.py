"""The browser with nothing installed but what `pip install .[app]` brings."""

import json
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]

# Packages named in argv are as if they were not installed, to `import` and to `find_spec` alike.
HIDE = """
import importlib.machinery, json, sys

class Hiding(importlib.machinery.PathFinder):
    hidden = frozenset(json.loads(sys.argv[1]))

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in cls.hidden:
            return None
        return super().find_spec(name, path, target)

at = sys.meta_path.index(importlib.machinery.PathFinder)
sys.meta_path[at] = Hiding
"""
IMPORT_ALL_AND_OPEN = """
import importlib, pkgutil

names = ["replication.browser", "replication.paper", "replication.report"]
for name in names:  # it grows
    inside = getattr(importlib.import_module(name), "__path__", ())
    names += [f"{name}.{found.name}" for found in pkgutil.iter_modules(inside)]
from streamlit.testing.v1 import AppTest

app = AppTest.from_file("app.py", default_timeout=120).run()
print(json.dumps([names, [error.value for error in app.exception]]))
"""


def installed_with(wanted: list[str]) -> set[str]:
    """Names of the distributions that pip would install for these requirements."""
    found: set[str] = set()
    queue = [(Requirement(text), "") for text in wanted]
    while queue:
        requirement, extra = queue.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        extras = ["", *requirement.extras]
        if name in found and not requirement.extras:
            continue
        found.add(name)
        try:
            needed = requires(name) or []
        except PackageNotFoundError:  # not on this platform
            continue
        queue += [(Requirement(text), extra) for text in needed for extra in extras]
    return found


@pytest.fixture(scope="module")
def hidden() -> set[str]:
    """Top-level packages that are installed here and would not be with the app alone."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    alone = installed_with(project["dependencies"] + project["optional-dependencies"]["app"])
    return {
        package
        for package, owners in packages_distributions().items()
        if not alone & {canonicalize_name(owner) for owner in owners} and package != "replication"
    }


def python(code: str, hidden: set[str]) -> list[str]:
    """What a program prints, as JSON, in a Python that lacks the `hidden` packages."""
    done = subprocess.run(
        [sys.executable, "-c", HIDE + code, json.dumps(sorted(hidden))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_what_is_hidden(hidden):
    assert {"torch", "transformers", "tokenizers", "safetensors", "peft", "dvc"} <= hidden
    assert not {"streamlit", "altair", "polars", "pandas", "numpy", "ruamel", "scipy"} & hidden
    code = """
try:
    import torch
except ModuleNotFoundError as error:
    print(json.dumps([str(error)]))
"""
    assert python(code, hidden) == ["No module named 'torch'"]


@pytest.fixture(scope="module")
def found(hidden) -> tuple[list[str], list[str]]:
    """Names of the modules that could be imported, and the app's errors."""
    names, errors = python(IMPORT_ALL_AND_OPEN, hidden)
    return names, errors


@pytest.mark.slow
def test_every_module_that_the_app_can_reach_imports_without_the_study_s_packages(found):
    names, _ = found
    files = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for room in ("browser", "paper", "report")
        for path in (ROOT / "replication" / room).rglob("*.py")
    }
    assert set(names) == files


@pytest.mark.slow
def test_the_app_opens_without_the_study_s_packages(found):
    assert found[1] == []
