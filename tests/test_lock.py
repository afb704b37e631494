"""requirements.lock against pyproject.toml and against the package index, by uv's resolver."""

import shutil
import tomllib
from pathlib import Path

import pytest
from commands import shell
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = [line.rsplit(" ", 1)[1] for line in PROJECT["classifiers"]]
SOURCE_ONLY = "antlr4-python3-runtime"  # Hydra's parser: pure Python, no wheel is published


def pins() -> dict[str, Requirement]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    entries = [Requirement(line) for line in lines if not line.startswith("#")]
    return {canonicalize_name(entry.name): entry for entry in entries}


def test_every_package_is_pinned_once_and_exactly():
    pinned = pins()
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    assert len(pinned) == sum(not line.startswith("#") for line in lines)
    for entry in pinned.values():
        assert [part.operator for part in entry.specifier] == ["=="], entry
    extras = PROJECT["optional-dependencies"].values()
    for name in PROJECT["dependencies"] + [name for extra in extras for name in extra]:
        assert canonicalize_name(Requirement(name).name) in pinned, name


def test_the_supported_pythons_are_those_allowed_and_told():
    least, *_, most = (int(python.partition(".")[2]) for python in PYTHONS)
    assert PROJECT["requires-python"] == f">=3.{least},<3.{most + 1}"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"Python 3.{least} to 3.{most}," in readme


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_resolves_to_wheels_for_every_supported_python(python, tmp_path):
    """Metadata alone is read: nothing is installed."""
    output = shell(
        ROOT, "uv", "pip", "install", "--dry-run", "--python-version", python, "--target",
        str(tmp_path / "empty"), "--only-binary", ":all:", "--no-binary", SOURCE_ONLY,
        "--requirement", "requirements.lock",
    )  # fmt: skip
    assert " + torch==" in output


@pytest.mark.slow
@pytest.mark.network
def test_make_lock_gives_the_committed_lock(tmp_path):
    """Changed dependencies are pinned by `make lock`; then it changes nothing."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    shell(tmp_path, "make", "--old-file", "setup", "lock")
    assert (tmp_path / "requirements.lock").read_bytes() == (
        ROOT / "requirements.lock"
    ).read_bytes()
